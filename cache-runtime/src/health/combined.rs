//! The health of a bus that is made of several parts: the links to the nodes of a cluster.

#![cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "only a cluster has several links")
)]

use std::sync::Arc;

use super::{Health, Reported};
use crate::sync::Mutex;

/// Live if every part in use is; otherwise the first cause.
pub(crate) struct Combined {
    whole: Arc<Reported>,
    /// What is reported while every part is live.
    live: Health,
    parts: Mutex<Vec<Arc<Reported>>>,
}

impl Combined {
    pub(crate) fn new(whole: Arc<Reported>, live: Health) -> Arc<Self> {
        Arc::new(Self {
            whole,
            live,
            parts: Mutex::default(),
        })
    }

    pub(crate) fn add(self: &Arc<Self>, part: &Arc<Reported>) {
        let combined = Arc::downgrade(self);
        part.observe(move || {
            if let Some(combined) = combined.upgrade() {
                combined.update();
            }
        });
        self.parts.lock().push(Arc::clone(part));
        self.update();
    }

    pub(crate) fn remove(&self, part: &Arc<Reported>) {
        self.parts.lock().retain(|other| !Arc::ptr_eq(other, part));
        self.update();
    }

    /// Whether canaries prove now that events arrive over every part that is reported as live.
    pub(crate) fn is_proven(&self) -> bool {
        let parts = self.parts.lock();
        let mut live = parts.iter().filter(|part| part.get().is_live());
        live.all(|part| part.lease().is_proven())
    }

    /// What is left of the lease that ends first, of those of the parts that are reported as live.
    #[cfg(any(feature = "metrics", feature = "otel"))]
    pub(crate) fn lease_left(&self) -> std::time::Duration {
        let parts = self.parts.lock();
        let live = parts.iter().filter(|part| part.get().is_live());
        let left = live.map(|part| part.lease().left());
        left.min().unwrap_or_default()
    }

    /// Reports the health of the whole. Under the lock, so that the latest report is the newest.
    fn update(&self) {
        let parts = self.parts.lock();
        let mut whole = Health::Idle;
        for part in parts.iter().map(|part| part.get()) {
            whole = match (whole, part) {
                (down @ Health::Down(_), _) | (_, down @ Health::Down(_)) => down,
                (Health::Connecting, _) | (_, Health::Connecting) => Health::Connecting,
                (live, _) | (_, live) if live.is_live() => self.live.clone(),
                (whole, _) => whole,
            };
        }
        self.whole.settle(&whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Cause;

    /// In order: what comes first is reported if any part is so.
    fn states() -> [Health; 4] {
        let down = Health::Down(Cause::Disconnected);
        [down, Health::Connecting, Health::Live, Health::Idle]
    }

    #[test]
    fn it_is_as_bad_as_its_worst_part() {
        for (i, first) in states().iter().enumerate() {
            for (j, second) in states().iter().enumerate() {
                let part = || Arc::new(Reported::new(Health::Idle, Arc::default()));
                let (whole, one, other) = (part(), part(), part());
                let combined = Combined::new(Arc::clone(&whole), Health::Live);
                combined.add(&one);
                combined.add(&other);
                one.set(first);
                other.set(second);
                assert_eq!(whole.get(), states()[i.min(j)]);
                combined.remove(&one);
                assert_eq!(whole.get(), *second);
            }
        }
    }

    #[test]
    fn a_closed_bus_stays_closed() {
        let whole = Arc::new(Reported::new(Health::Closed, Arc::default()));
        let part = Arc::new(Reported::new(Health::Idle, Arc::default()));
        let combined = Combined::new(Arc::clone(&whole), Health::Live);
        combined.add(&part);
        part.set(&Health::Live);
        assert_eq!(whole.get(), Health::Closed);
    }
}
