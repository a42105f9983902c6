//! What an audit hears of a deduplication.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Inner;
use crate::audit::{Audited, Bound, Described, Kind, State};
use crate::health::Cause;

impl Audited for Inner {
    fn describe(&self) -> Described {
        let closed = self.kv.is_closed().then_some(Cause::Closed);
        let failed = closed.or_else(|| self.failed().clone());
        Described {
            name: Arc::clone(&self.name),
            kind: Kind::Dedup,
            place: self.place,
            ttl: Some(self.ttl),
            bound: Bound::Ttl,
            entries: None,
            hits: self.duplicates.load(Ordering::Relaxed),
            misses: self.reserved.load(Ordering::Relaxed),
            evicted_by: Vec::new(),
            state: match failed {
                None => State::Live,
                Some(cause) => State::Down(cause.to_string()),
            },
            bus: Some(self.kv.bus_id()),
        }
    }
}
