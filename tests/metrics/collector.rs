//! What a collector of OpenTelemetry receives. It runs if there is one; if not, it passes with a note.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{MetricExporter, WithExportConfig};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use support::{Child, Port, eventually};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::otel::{Exporter, Point, points};
use crate::world::World;

/// Rotel's agent: the variable `OTEL_COLLECTOR`, or what is in `PATH`.
fn program() -> Option<PathBuf> {
    if let Some(program) = env::var_os("OTEL_COLLECTOR").filter(|path| !path.is_empty()) {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut programs = env::split_paths(&path).map(|folder| folder.join("rotel-agent"));
    let found = programs.find(|program| program.is_file());
    if found.is_none() {
        assert!(
            env::var_os("CI").is_none(),
            "this test needs a collector, which `bash tests/collector.sh` installs"
        );
        println!("not run, because this machine has no collector of OpenTelemetry");
    }
    found
}

/// A collector that prints what it receives.
struct Collector {
    process: Child,
    exporter: MetricExporter,
    _ports: [Port; 2],
}

impl Collector {
    async fn start() -> Option<Self> {
        let program = program()?;
        let ports = [Port::reserve(), Port::reserve()];
        let [http, grpc] = ports
            .each_ref()
            .map(|port| format!("127.0.0.1:{}", port.number()));
        let mut command = Command::new(program);
        command
            .args(["start", "--exporter", "blackhole"])
            .args(["--debug-log", "metrics"])
            .args(["--debug-log-verbosity", "detailed"])
            .args(["--otlp-http-endpoint", &http, "--otlp-grpc-endpoint", &grpc]);
        let process = Child::run(command);
        let listens = async || TcpStream::connect(&http).await.is_ok();
        eventually("the collector to listen", listens, |listens| *listens).await;
        let exporter = MetricExporter::builder()
            .with_http()
            .with_endpoint(format!("http://{http}/v1/metrics"));
        Some(Self {
            process,
            exporter: exporter.build().expect("the address is one"),
            _ports: ports,
        })
    }

    /// Prints the next line as a name and what follows it, such as `-> Name: cache.reads`.
    async fn line(&mut self) -> (String, String) {
        let line = self.process.says(": ").await;
        let line = line.trim_start().trim_start_matches("-> ");
        let (name, value) = line.split_once(": ").expect("it was looked for");
        (name.to_owned(), value.to_owned())
    }

    /// So many values, as they are printed.
    async fn points(&mut self, number: usize) -> Vec<Point> {
        let (mut points, mut metric) = (Vec::new(), Point::default());
        while points.len() < number {
            let (name, value) = self.line().await;
            match name.as_str() {
                "Name" => {
                    metric = Point {
                        name: value,
                        ..Point::default()
                    }
                }
                "Description" => metric.meaning = value,
                "Unit" => metric.unit = value,
                "DataType" => metric.kind = if value == "Sum" { "counter" } else { "gauge" },
                "Value" => {
                    metric.value = value.parse().expect("a number");
                    points.push(metric.clone());
                    metric.attributes.clear();
                }
                _ => {
                    if let Some(text) = value.strip_prefix("Str(") {
                        let text = text.trim_end_matches(')').to_owned();
                        metric.attributes.push(KeyValue::new(name, text));
                    }
                }
            }
        }
        points
    }
}

/// One text for each value, in an order that depends on neither metrics nor attributes.
fn texts(points: &[Point]) -> BTreeSet<String> {
    let text = |point: &Point| {
        let attributes = point.attributes.iter();
        let attributes: BTreeSet<_> = attributes
            .map(|attribute| format!("{}={}", attribute.key, attribute.value))
            .collect();
        let Point {
            name,
            kind,
            unit,
            meaning,
            value,
            ..
        } = point;
        format!("{name} {attributes:?} {value} {kind} {unit} {meaning}")
    };
    points.iter().map(text).collect()
}

#[tokio::test]
async fn it_receives_what_is_exported() {
    let Some(mut collector) = Collector::start().await else {
        return;
    };
    let _world = World::used("o-collector").await;
    let collected = Exporter::new().collected();
    let expected = points(&collected);
    assert!(expected.len() > 100, "{expected:#?}");
    let exported = collector.exporter.export(&collected).await;
    exported.expect("the collector takes it");
    let received = collector.points(expected.len()).await;
    assert_eq!(texts(&received), texts(&expected));
}
