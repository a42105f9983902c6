//! What the metrics of several kinds of caches have in common.

use crate::audit::Kind;
use crate::counters::{Durations, Evictions, Histogram};
use crate::telemetry::instruments::{
    EVICTIONS, LOAD_DURATION_BUCKET, LOAD_DURATION_COUNT, LOAD_DURATION_SUM, READS,
};
use crate::telemetry::{Of, Samples};

/// The samples of a cache.
pub(crate) fn cache<'a>(samples: &'a mut Samples, name: &str, kind: Kind) -> Of<'a> {
    samples.of(&[("cache.name", name), ("cache.kind", kind.as_str())])
}

/// Reads by result.
pub(crate) fn reads(of: &mut Of<'_>, results: &[(&str, u64)]) {
    for (result, count) in results {
        of.count_by(&READS, "cache.read.result", result, *count);
    }
}

pub(crate) fn durations(of: &mut Of<'_>, durations: &Durations) {
    let Histogram { buckets, sum } = durations.histogram();
    let mut all = 0;
    for (bound, count) in buckets {
        let bound = if bound.is_finite() {
            bound.to_string()
        } else {
            "+Inf".to_owned()
        };
        of.count_by(&LOAD_DURATION_BUCKET, "le", &bound, count);
        all = count;
    }
    of.count(&LOAD_DURATION_COUNT, all);
    of.number(&LOAD_DURATION_SUM, sum);
}

pub(crate) fn evictions(of: &mut Of<'_>, evictions: &Evictions) {
    for (cause, count) in evictions.by_cause() {
        of.count_by(&EVICTIONS, "cache.eviction.cause", cause, count);
    }
}
