//! The values of the metrics of a bus.

use super::shared::Shared;
use crate::health::Health;
use crate::telemetry::Samples;
use crate::telemetry::instruments::{BUS_LIVE, CANARY, LEASE_LEFT, LOSSES, RECONNECTS, ROLE};

impl Shared {
    pub(crate) fn measure(&self, samples: &mut Samples) {
        let namespace = self.settings().namespace.as_deref();
        let mut of = samples.of(&[
            ("bus.address", &self.servers().address()),
            ("bus.namespace", namespace.unwrap_or_default()),
        ]);
        let health = self.checked(self.health());
        if health != Health::Idle {
            of.number(&BUS_LIVE, f64::from(u8::from(health.is_live())));
            let left = if health.is_live() {
                self.lease_left().as_secs_f64()
            } else {
                0.0
            };
            of.number(&LEASE_LEFT, left);
        }
        let counters = self.lease.counters();
        if let Some(canary) = counters.canary() {
            of.number(&CANARY, canary.as_secs_f64());
        }
        of.count(&RECONNECTS, counters.reconnects());
        for (cause, count) in counters.losses() {
            of.count_by(&LOSSES, "bus.loss.cause", cause, count);
        }
        for (role, is_told) in counters.roles() {
            of.number_by(&ROLE, "bus.server.role", role, f64::from(u8::from(is_told)));
        }
    }
}
