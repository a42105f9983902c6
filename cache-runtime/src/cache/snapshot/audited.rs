//! What an audit shows of a snapshot.

use std::sync::Arc;

use super::Handle;
use super::freshness::{Freshness, StaleCause};
use crate::audit::{Audited, Bound, Described, Kind, Reloads, Source, State};
use crate::cache::coherent::proof::Proof;

impl<T: Send + Sync + 'static> Audited for Handle<T> {
    fn describe(&self) -> Described {
        let shared = &self.shared;
        let sources = || shared.proofs.iter().map(Proof::source);
        Described {
            name: Arc::clone(&shared.loader.name),
            kind: Kind::Snapshot,
            place: shared.place,
            ttl: shared.poll,
            bound: Bound::None,
            entries: Some(1),
            hits: 0,
            misses: 0,
            evictions: None,
            evicted_by: sources().map(Source::describe).collect(),
            state: state(&shared.freshness()),
            reloads: Some(shared.with_record(|record| Reloads {
                last_success: Some(shared.since(record.loaded)),
                failures: record.failures,
                failing_for: (record.failing.as_ref()).map(|(since, _)| shared.since(*since)),
                error: (record.failing.as_ref()).map(|(_, error)| format!("{error:#}")),
            })),
            bus: sources().next().map(Source::bus),
        }
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples) {
        use crate::cache::measured::cache;
        use crate::telemetry::instruments::{LOAD_FAILURES, LOADS};

        let stats = self.shared.stats();
        let mut of = cache(samples, &self.shared.loader.name, Kind::Snapshot);
        of.count(&LOADS, stats.loads);
        of.count(&LOAD_FAILURES, stats.failed_loads);
    }
}

fn state(freshness: &Freshness) -> State {
    let Freshness::Stale { cause, .. } = freshness else {
        return State::Live;
    };
    match cause {
        StaleCause::Unproven(health) => State::of(health, true),
        StaleCause::LoadFailed(_) | StaleCause::Ended => State::Down(cause.to_string()),
        StaleCause::Polled => State::Local,
        // It is being loaded.
        StaleCause::Changed => State::Live,
    }
}
