//! What a server pushes, without a server.

use redis::PushInfo;

use super::handle::Bus;
use crate::transport::redis::{oversized, translate};

/// Gives a bus what its server would push on the connection for events, whatever that is. Returns the
/// number in the name of the bus's canary channel; `None` in a cluster, where it has several.
///
/// For tests and fuzzing of what no server should push.
#[doc(hidden)]
#[must_use]
pub fn pushed(bus: &Bus, push: PushInfo) -> Option<u64> {
    let shared = bus.shared();
    let table = shared.table.lock();
    let mut links = table.links.values();
    let (Some(link), None) = (links.next(), links.next()) else {
        return None;
    };
    if let Some(wire) = translate(push, oversized(shared.settings().max_payload)) {
        link.pushed(wire);
    }
    Some(link.id())
}
