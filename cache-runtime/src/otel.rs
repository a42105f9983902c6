#![doc = include_str!("telemetry/metrics.md")]
//! # With OpenTelemetry
//!
//! Call [`register`] once, with a `Meter`. Its reader then asks for the values whenever it collects.
//!
//! ```
//! let meter = opentelemetry::global::meter("cache-runtime");
//! cache_runtime::otel::register(&meter);
//! ```
//!
//! OpenTelemetry has no histogram that is read when it is collected. So the durations of loads are
//! counters, one for each `le`, as in a histogram of Prometheus.

use std::collections::BTreeSet;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::audit::measured;
use crate::sync::Mutex;
use crate::telemetry::instruments::{INSTRUMENTS, Instrument, Kind};
use crate::telemetry::{Attribute, Samples, Value};

/// Registers every metric of every cache, channel and bus of this process, also of those that are
/// built later.
///
/// The values are read when a reader of the meter's provider collects. That asks no server. It locks
/// each part of each cache for a moment.
pub fn register(meter: &Meter) {
    let collected = Arc::new(Mutex::new(Collected::default()));
    for instrument in INSTRUMENTS {
        let collected = Arc::clone(&collected);
        let values = move || collected.lock().values(instrument);
        let (name, unit, meaning) = (instrument.name, instrument.unit, instrument.meaning);
        match instrument.kind {
            Kind::Counter | Kind::Series => {
                let builder = meter.u64_observable_counter(name).with_unit(unit);
                let builder = builder.with_description(meaning);
                builder
                    .with_callback(move |observer| {
                        for (attributes, value) in values() {
                            if let Value::Count(count) = value {
                                observer.observe(count, &attributes);
                            }
                        }
                    })
                    .build();
            }
            Kind::Seconds => {
                let builder = meter.f64_observable_counter(name).with_unit(unit);
                let builder = builder.with_description(meaning);
                builder
                    .with_callback(move |observer| {
                        for (attributes, value) in values() {
                            if let Value::Number(number) = value {
                                observer.observe(number, &attributes);
                            }
                        }
                    })
                    .build();
            }
            Kind::Amount | Kind::Least | Kind::Greatest => {
                let builder = meter.f64_observable_gauge(name).with_unit(unit);
                let builder = builder.with_description(meaning);
                builder
                    .with_callback(move |observer| {
                        for (attributes, value) in values() {
                            if let Value::Number(number) = value {
                                observer.observe(number, &attributes);
                            }
                        }
                    })
                    .build();
            }
        }
    }
}

/// The latest values, and the metrics that were given theirs. OpenTelemetry asks for each metric by
/// itself. The first one that asks a second time begins the next collection.
#[derive(Default)]
struct Collected {
    samples: Option<Samples>,
    given: BTreeSet<&'static str>,
}

impl Collected {
    fn values(&mut self, instrument: &'static Instrument) -> Vec<(Vec<KeyValue>, Value)> {
        if !self.given.insert(instrument.name) {
            self.samples = None;
            self.given = BTreeSet::from([instrument.name]);
        }
        let samples = self.samples.get_or_insert_with(measured);
        let values = samples.get(instrument);
        values
            .map(|(attributes, value)| (attributes.iter().map(key_value).collect(), value))
            .collect()
    }
}

fn key_value((key, value): &Attribute) -> KeyValue {
    KeyValue::new(*key, value.clone())
}
