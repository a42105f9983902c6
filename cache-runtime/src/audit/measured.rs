//! The values of the metrics of every cache, channel and bus of this process.

use super::channels::{Channel, Use, uses};
use super::enrolled;
use crate::bus::Shared;
use crate::channel::ChannelStats;
use crate::health::Health;
use crate::telemetry::Samples;
use crate::telemetry::instruments::{
    CHANNEL_LIVE, DEFERRED, FLUSHES, GIVEN_UP, OUTBOX, OVERFLOWS, PANICS, PUBLISH_FAILURES,
    PUBLISHED, RECEIVED, REJECTED,
};

/// All values. It asks no server.
pub(crate) fn measured() -> Samples {
    let mut samples = Samples::default();
    enrolled::measure(&mut samples);
    for Channel { name, uses, .. } in uses() {
        for usage in uses {
            channel(&mut samples, &name, &usage);
        }
    }
    for bus in Shared::all() {
        bus.measure(&mut samples);
    }
    samples
}

fn channel(samples: &mut Samples, name: &str, usage: &Use) {
    let ChannelStats {
        received,
        rejected,
        published,
        publish_failures,
        deferred,
        given_up,
        overflows,
        panics,
        ..
    } = usage.stats;
    let mut of = samples.of(&[("channel.name", name)]);
    for (instrument, count) in [
        (&RECEIVED, received),
        (&REJECTED, rejected),
        (&PUBLISHED, published),
        (&PUBLISH_FAILURES, publish_failures),
        (&DEFERRED, deferred),
        (&GIVEN_UP, given_up),
        (&OVERFLOWS, overflows),
        (&PANICS, panics),
    ] {
        of.count(instrument, count);
    }
    of.amount(&OUTBOX, usage.stats.in_outbox());
    for (cause, count) in [
        ("live", usage.stats.live_flushes),
        ("down", usage.stats.down_flushes),
        ("rejected", usage.stats.rejected_flushes),
        ("moved", usage.stats.moved_flushes),
    ] {
        of.count_by(&FLUSHES, "channel.flush.cause", cause, count);
    }
    if usage.health != Health::Idle {
        of.number(&CHANNEL_LIVE, f64::from(u8::from(usage.health.is_live())));
    }
}
