#![doc = include_str!("telemetry/metrics.md")]
//! # With the `metrics` facade
//!
//! Call [`describe`] once, after the exporter is installed, and [`record`] before each scrape.
//!
//! ```
//! # struct Exporter;
//! # impl Exporter { fn render(&self) -> String { String::new() } }
//! # let exporter = Exporter;
//! cache_runtime::metrics::describe();
//! // In the handler of `/metrics`, with the handle of metrics-exporter-prometheus:
//! let scrape = move || {
//!     cache_runtime::metrics::record();
//!     exporter.render()
//! };
//! # scrape();
//! ```
//!
//! The names are those for Prometheus, and the keys of labels have underscores instead of dots. An
//! exporter of the facade sorts durations into buckets when they happen, and not at a scrape; and
//! without settings of its own, that for Prometheus makes quantiles of them, which cannot be added up
//! over instances. So the durations of loads are exported as the series of a histogram, `_bucket` with
//! `le`, `_sum` and `_count`, and `histogram_quantile` takes them. They are typed as gauges: the
//! exporter may add `_total` to the name of a counter, and the facade has no counters of fractions.
//!
//! What is gone, such as a cache that was dropped, keeps its counters. Its amounts become 0, and its
//! other gauges NaN. A cache that is built anew under the name counts on once it has counted more.

use std::collections::BTreeMap;

use metrics::{Key, Label, Level, Metadata, SharedString, Unit, with_recorder};

use crate::audit::measured;
use crate::sync::Mutex;
use crate::telemetry::instruments::{INSTRUMENTS, Instrument, Kind};
use crate::telemetry::{Attribute, Value};

/// The gauges that were recorded, and what they become when what they are about is gone.
static GAUGES: Mutex<BTreeMap<(&'static str, Vec<Attribute>), f64>> = Mutex::new(BTreeMap::new());

const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Tells the recorder of the process the unit and the meaning of every metric.
pub fn describe() {
    with_recorder(|recorder| {
        for instrument in INSTRUMENTS {
            let name = instrument.prometheus.into();
            let unit = match instrument.unit {
                "s" => Unit::Seconds,
                _ => Unit::Count,
            };
            let meaning = SharedString::const_str(instrument.meaning);
            match instrument.kind {
                Kind::Counter => recorder.describe_counter(name, Some(unit), meaning),
                _ => recorder.describe_gauge(name, Some(unit), meaning),
            }
        }
    });
}

/// Gives the recorder of the process the present value of every metric of every cache, channel and bus
/// of this process.
///
/// It asks no server. It locks each part of each cache for a moment, so call it at a scrape, and not
/// for each request.
pub fn record() {
    // Locked first: of two scrapes at a time, the later one has the later values.
    let mut gauges = GAUGES.lock();
    let samples = measured();
    let mut gone = gauges.clone();
    with_recorder(|recorder| {
        for instrument in INSTRUMENTS {
            for (attributes, value) in samples.get(instrument) {
                let key = key(instrument.prometheus, attributes);
                let number = match value {
                    Value::Count(count) if instrument.kind == Kind::Counter => {
                        recorder.register_counter(&key, &METADATA).absolute(count);
                        continue;
                    }
                    #[expect(clippy::cast_precision_loss, reason = "a gauge takes nothing else")]
                    Value::Count(count) => count as f64,
                    Value::Number(number) => number,
                };
                recorder.register_gauge(&key, &METADATA).set(number);
                if let Some(left) = left(instrument) {
                    let gauge = (instrument.prometheus, attributes.to_vec());
                    gone.remove(&gauge);
                    gauges.insert(gauge, left);
                }
            }
        }
        for ((name, attributes), left) in gone {
            let key = key(name, &attributes);
            recorder.register_gauge(&key, &METADATA).set(left);
            gauges.remove(&(name, attributes));
        }
    });
}

/// What becomes of a gauge when what it is about is gone; `None` if it stays.
fn left(instrument: &Instrument) -> Option<f64> {
    match instrument.kind {
        Kind::Counter | Kind::Series | Kind::Seconds => None,
        Kind::Amount => Some(0.0),
        Kind::Least | Kind::Greatest => Some(f64::NAN),
    }
}

fn key(name: &'static str, attributes: &[Attribute]) -> Key {
    let label = |(key, value): &Attribute| Label::new(key.replace('.', "_"), value.clone());
    Key::from_parts(name, attributes.iter().map(label).collect::<Vec<_>>())
}
