//! That instances meet only in the servers, the time, and the events of other programs. So all that can
//! happen to one of several instances can happen to it in a world in which it is alone, and to explore
//! that world is enough for the rules, because each of them is about one instance.

use super::bounds::Bounds;
use super::world::{Action, World};

/// Checks a step of a world of several instances: for each of them, either nothing has happened, or what
/// can happen to it alone.
pub(super) fn check(
    b: &Bounds,
    before: &World,
    action: Action,
    after: &World,
) -> Result<(), String> {
    if before.instances.len() == 1 {
        return Ok(());
    }
    for at in 0..before.instances.len() {
        let mut alone = before.alone(at);
        let own = match action {
            Action::At(by, _) if by != at => None,
            Action::At(_, step) => Some(Action::At(0, step)),
            all => Some(all),
        };
        if let Some(own) = own {
            if !alone.actions(b).contains(&own) {
                return Err(format!("instance {at} alone: {own:?} cannot happen"));
            }
            alone = alone.after(b, own).alone(0);
        }
        if alone.digest(b) != after.alone(at).digest(b) {
            return Err(format!("instance {at} alone would be in another state"));
        }
    }
    Ok(())
}
