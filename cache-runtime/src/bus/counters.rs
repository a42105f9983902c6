//! What operators see of a bus. All links of a bus count in the same counters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::nanos;
use crate::counters::count;
use crate::health::Cause;
use crate::server_info::Role;
use crate::sync::Mutex;

#[derive(Debug, Default)]
pub(super) struct Counters {
    /// How long the latest complete canary took, in nanoseconds; 0 before the first.
    canary: AtomicU64,
    /// How often the connection for events was opened again after a loss.
    reconnects: AtomicU64,
    /// The role that the server last said it has: one of the constants below.
    role: Mutex<Option<&'static str>>,
    /// How often the bus has stopped being live, by cause.
    losses: Mutex<BTreeMap<&'static str, u64>>,
}

#[cfg(any(feature = "metrics", feature = "otel"))]
const ROLES: [&str; 3] = [PRIMARY, REPLICA, OTHER];
const PRIMARY: &str = "primary";
const REPLICA: &str = "replica";
const OTHER: &str = "other";

impl Counters {
    pub(super) fn canary_took(&self, time: Duration) {
        self.canary.store(nanos(time).max(1), Ordering::Relaxed);
    }

    pub(super) fn reconnected(&self) {
        count(&self.reconnects);
    }

    pub(super) fn told(&self, role: &Role) {
        *self.role.lock() = Some(match role {
            Role::Primary => PRIMARY,
            Role::Other(role) if matches!(&**role, "replica" | "slave") => REPLICA,
            Role::Other(_) => OTHER,
        });
    }

    /// A server could not be used.
    pub(super) fn failed(&self, cause: &Cause) {
        if let Cause::NotPrimary(role) = cause {
            self.told(&Role::Other(role.clone()));
        }
    }

    pub(super) fn lost(&self, cause: &Cause) {
        *self.losses.lock().entry(cause.kind()).or_default() += 1;
    }
}

#[cfg(any(feature = "metrics", feature = "otel", feature = "doctor"))]
impl Counters {
    /// How long the latest complete canary took; `None` before the first.
    pub(super) fn canary(&self) -> Option<Duration> {
        let canary = self.canary.load(Ordering::Relaxed);
        (canary > 0).then(|| Duration::from_nanos(canary))
    }
}

#[cfg(any(feature = "metrics", feature = "otel"))]
impl Counters {
    pub(super) fn reconnects(&self) -> u64 {
        crate::counters::read(&self.reconnects)
    }

    /// Every role, and whether the server last said that it has it. None before it has said so.
    pub(super) fn roles(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let told = *self.role.lock();
        told.into_iter()
            .flat_map(|told| ROLES.map(|role| (role, role == told)))
    }

    pub(super) fn losses(&self) -> BTreeMap<&'static str, u64> {
        self.losses.lock().clone()
    }
}
