//! The values of the metrics of a cache in Redis.

use super::shared::Shared;
use crate::audit::Kind;
use crate::cache::measured::{self, cache};
use crate::telemetry::Samples;
use crate::telemetry::instruments::{LOAD_FAILURES, LOADS, LOADS_OVERTAKEN, REDIS_ERRORS};

pub(super) fn measure<V: Clone + Send + Sync + 'static>(
    shared: &Shared<V>,
    kind: Kind,
    samples: &mut Samples,
) {
    let stats = shared.stats();
    let mut of = cache(samples, &shared.name, kind);
    measured::reads(
        &mut of,
        &[
            ("hit", stats.memory_hits),
            ("redis_hit", stats.redis_hits),
            ("shared", stats.shared_loads),
            ("miss", stats.misses),
        ],
    );
    of.count(&LOADS, stats.loads);
    of.count(&LOAD_FAILURES, stats.failed_loads);
    of.count(&LOADS_OVERTAKEN, stats.refused);
    of.count(&REDIS_ERRORS, stats.redis_errors);
    measured::durations(&mut of, shared.engine.durations());
    shared.engine.measure_memory(&mut of);
}
