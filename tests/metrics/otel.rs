//! OpenTelemetry, with the reader of a test.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cache_runtime::otel;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};

use crate::docs::{Documented, documented};
use crate::world::World;

/// A reader that the test keeps.
#[derive(Debug, Clone, Default)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

pub(crate) struct Exporter {
    reader: Reader,
    _provider: SdkMeterProvider,
}

/// A value with its attributes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) unit: String,
    pub(crate) meaning: String,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) value: f64,
}

impl Exporter {
    pub(crate) fn new() -> Self {
        let reader = Reader::default();
        let provider = SdkMeterProvider::builder()
            .with_reader(reader.clone())
            .build();
        otel::register(&provider.meter("test"));
        Self {
            reader,
            _provider: provider,
        }
    }

    fn collect(&self) -> Vec<Point> {
        points(&self.collected())
    }

    pub(crate) fn collected(&self) -> ResourceMetrics {
        let mut collected = ResourceMetrics::default();
        self.reader.collect(&mut collected).unwrap();
        collected
    }
}

/// The values in what was collected.
pub(crate) fn points(collected: &ResourceMetrics) -> Vec<Point> {
    let mut points = Vec::new();
    for metric in collected.scope_metrics().flat_map(ScopeMetrics::metrics) {
        let mut add = |kind, attributes: Vec<KeyValue>, value| {
            points.push(Point {
                name: metric.name().to_owned(),
                kind,
                unit: metric.unit().to_owned(),
                meaning: metric.description().to_owned(),
                attributes,
                value,
            });
        };
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                assert!(sum.is_monotonic());
                for point in sum.data_points() {
                    let value = u32::try_from(point.value()).unwrap();
                    add(
                        "counter",
                        point.attributes().cloned().collect(),
                        value.into(),
                    );
                }
            }
            AggregatedMetrics::F64(MetricData::Sum(sum)) => {
                assert!(sum.is_monotonic());
                for point in sum.data_points() {
                    add(
                        "counter",
                        point.attributes().cloned().collect(),
                        point.value(),
                    );
                }
            }
            AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                for point in gauge.data_points() {
                    add(
                        "gauge",
                        point.attributes().cloned().collect(),
                        point.value(),
                    );
                }
            }
            other => panic!("{}: {other:?}", metric.name()),
        }
    }
    points
}

/// The only value of a metric with these attributes.
#[track_caller]
fn get(points: &[Point], name: &str, attributes: &[(&'static str, &'static str)]) -> f64 {
    let has = |point: &Point| {
        let mut attributes = attributes
            .iter()
            .map(|(key, value)| KeyValue::new(*key, *value));
        attributes.all(|attribute| point.attributes.contains(&attribute))
    };
    let found: Vec<_> = points
        .iter()
        .filter(|point| point.name == name && has(point))
        .collect();
    let [point] = found[..] else {
        panic!("expected one {name} {attributes:?}, found {found:#?}");
    };
    point.value
}

#[tokio::test]
#[expect(clippy::float_cmp, reason = "they are whole numbers")]
async fn it_exports_what_has_happened() {
    let world = World::used("o-values").await;
    let exporter = Exporter::new();
    let points = exporter.collect();
    let coherent = ("cache.name", "o-values-coherent");
    let bus = ("bus.namespace", "o-values");
    let hits = [coherent, ("cache.read.result", "hit")];
    assert_eq!(get(&points, "cache.reads", &hits), 2.0);
    assert_eq!(get(&points, "cache.loads", &[coherent]), 2.0);
    let all = [coherent, ("le", "+Inf")];
    assert_eq!(get(&points, "cache.load.duration.bucket", &all), 2.0);
    assert_eq!(
        get(&points, "cache.weight", &[("cache.name", "o-values-ttl")]),
        42.0
    );
    assert_eq!(get(&points, "bus.live", &[bus]), 1.0);
    assert_eq!(get(&points, "bus.reconnects", &[bus]), 1.0);
    let disconnected = [bus, ("bus.loss.cause", "disconnected")];
    assert_eq!(get(&points, "bus.losses", &disconnected), 1.0);
    assert!(get(&points, "bus.lease.left", &[bus]) > 0.0);

    // The next collection has the values of its own time, of each metric.
    world.coherent.get_or_load("9", async || 1).await;
    assert_eq!(world.coherent.get("9"), Some(1));
    let points = exporter.collect();
    assert_eq!(get(&points, "cache.reads", &hits), 3.0);
    assert_eq!(get(&points, "cache.loads", &[coherent]), 3.0);
    assert_eq!(get(&points, "cache.entries", &[coherent]), 1.0);
    assert_eq!(get(&points, "cache.load.duration.count", &[coherent]), 3.0);

    world.bus.close().await;
    assert_eq!(get(&exporter.collect(), "bus.live", &[bus]), 0.0);
}

#[tokio::test]
async fn it_exports_what_is_documented() {
    let _world = World::used("o-docs").await;
    let exported = Exporter::new()
        .collect()
        .into_iter()
        .map(|point| Documented {
            name: point.name,
            prometheus: String::new(),
            kind: point.kind.to_owned(),
            unit: point.unit,
            meaning: point.meaning,
        });
    let documented = documented().into_iter().map(|documented| Documented {
        prometheus: String::new(),
        ..documented
    });
    let (exported, documented): (BTreeSet<_>, BTreeSet<_>) =
        (exported.collect(), documented.collect());
    assert_eq!(exported, documented);
}
