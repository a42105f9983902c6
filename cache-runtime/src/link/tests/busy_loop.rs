//! The link never asks for a tick that has no effect.

use super::fixture::{A, At, B, CANARY, gapless, refusal};
use crate::health::Cause;
use crate::link::Input;

/// After a tick at `timeout()`, the next timeout is later, whatever the last two inputs were.
#[test]
fn no_busy_loop() {
    let before: [fn() -> At; 4] = [At::start, At::subscribing, At::live, At::overflowed];
    let inputs = [
        Input::Tick,
        Input::Subscribe(B),
        Input::Unsubscribe(A),
        Input::Disconnected(Cause::Disconnected),
        Input::Refused(A, refusal()),
        Input::Refused(CANARY, refusal()),
        Input::Unsubscribed(A),
        Input::Rejected(A),
        Input::Overflow,
        Input::CanaryFailed(refusal()),
        gapless(CANARY),
        gapless(A),
    ];
    for start in before {
        for (first, second) in inputs
            .iter()
            .flat_map(|i| inputs.iter().map(move |j| (i, j)))
        {
            let mut at = start();
            at.feed(first.clone());
            at.later(1).feed(second.clone());
            for _ in 0..20 {
                let Some(due) = at.link.timeout() else { break };
                at.link.handle(due, Input::Tick);
                while at.link.poll_output().is_some() {}
                let next = at.link.timeout();
                assert!(
                    next.is_none_or(|next| next > due),
                    "after {first:?} and {second:?}: at {due:?}, then at {next:?}"
                );
            }
        }
    }
}
