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
use opentelemetry::metrics::{AsyncInstrumentBuilder, Meter};

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
        let (collected, name) = (Arc::clone(&collected), instrument.name);
        match instrument.kind {
            Kind::Counter | Kind::Series => {
                observed(meter.u64_observable_counter(name), instrument, collected).build();
            }
            Kind::Seconds => {
                observed(meter.f64_observable_counter(name), instrument, collected).build();
            }
            Kind::Amount | Kind::Least | Kind::Greatest => {
                observed(meter.f64_observable_gauge(name), instrument, collected).build();
            }
        }
    }
}

/// An instrument whose values are asked for when they are collected.
fn observed<'m, I, N: Number + 'static>(
    builder: AsyncInstrumentBuilder<'m, I, N>,
    instrument: &'static Instrument,
    collected: Arc<Mutex<Collected>>,
) -> AsyncInstrumentBuilder<'m, I, N> {
    let builder = builder.with_unit(instrument.unit);
    let builder = builder.with_description(instrument.meaning);
    builder.with_callback(move |observer| {
        for (attributes, value) in collected.lock().values(instrument) {
            if let Some(value) = N::of(value) {
                observer.observe(value, &attributes);
            }
        }
    })
}

/// A number as an instrument of its kind takes it.
trait Number: Sized {
    fn of(value: Value) -> Option<Self>;
}

impl Number for u64 {
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Count(count) => Some(count),
            Value::Number(_) => None,
        }
    }
}

impl Number for f64 {
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(number),
            Value::Count(_) => None,
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
