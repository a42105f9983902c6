//! The `metrics` facade, with the exporter for Prometheus.

use std::collections::BTreeSet;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use support::eventually;
use tokio::sync::Mutex;

use crate::docs::documented;
use crate::world::World;

/// A process has one exporter: what is gone is told to whoever asks first.
static ALONE: Mutex<()> = Mutex::const_new(());

/// What a scrape returns.
struct Scrape(String);

/// A metric, some of its labels, and its value.
type Sample<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str);

struct Exporter(PrometheusRecorder);

impl Exporter {
    fn new() -> Self {
        Self::of(PrometheusBuilder::new())
    }

    fn of(builder: PrometheusBuilder) -> Self {
        let recorder = builder.build_recorder();
        metrics::with_local_recorder(&recorder, cache_runtime::metrics::describe);
        Self(recorder)
    }

    fn scrape(&self) -> Scrape {
        metrics::with_local_recorder(&self.0, cache_runtime::metrics::record);
        Scrape(self.0.handle().render())
    }
}

impl Scrape {
    /// The value of a metric with these labels, as text; an empty text if there is none.
    fn get(&self, name: &str, labels: &[(&str, &str)]) -> &str {
        let labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        let mut found = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?.strip_prefix('{')?;
            let (all, value) = rest.rsplit_once("} ")?;
            labels
                .iter()
                .all(|label| all.contains(label))
                .then_some(value)
        });
        let value = found.next();
        assert_eq!(found.next(), None, "{name} {labels:?} is ambiguous");
        value.unwrap_or_default()
    }

    fn number(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.get(name, labels).parse().expect("a number")
    }

    fn assert(&self, expected: &[Sample<'_>]) {
        for (name, labels, value) in expected {
            assert_eq!(
                self.get(name, labels),
                *value,
                "{name} {labels:?}\n{}",
                self.0
            );
        }
    }

    fn types(&self) -> BTreeSet<(String, String)> {
        let lines = self
            .0
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        let types = lines.filter_map(|line| line.split_once(' '));
        types
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect()
    }
}

#[tokio::test]
async fn it_exports_what_caches_did() {
    let _alone = ALONE.lock().await;
    let _world = World::used("p-caches").await;
    let scrape = Exporter::new().scrape();
    let [coherent, ttl, redis] =
        ["coherent", "ttl", "redis"].map(|kind| format!("p-caches-{kind}"));
    let [coherent, ttl, redis] = [&coherent, &ttl, &redis].map(|name| ("cache_name", &**name));
    let result = |result| ("cache_read_result", result);
    scrape.assert(&[
        ("cache_reads_total", vec![coherent, result("hit")], "2"),
        ("cache_reads_total", vec![coherent, result("miss")], "2"),
        ("cache_reads_total", vec![coherent, result("shared")], "0"),
        (
            "cache_loads_total",
            vec![coherent, ("cache_kind", "coherent")],
            "2",
        ),
        ("cache_load_failures_total", vec![coherent], "1"),
        ("cache_load_duration_seconds_count", vec![coherent], "2"),
        (
            "cache_load_duration_seconds_bucket",
            vec![coherent, ("le", "+Inf")],
            "2",
        ),
        (
            "cache_evictions_total",
            vec![coherent, ("cache_eviction_cause", "event")],
            "1",
        ),
        ("cache_entries", vec![coherent], "0"),
        ("cache_entries", vec![ttl], "2"),
        ("cache_weight", vec![ttl], "42"),
        ("cache_reads_total", vec![redis, result("hit")], "1"),
        ("cache_reads_total", vec![redis, result("redis_hit")], "0"),
        ("cache_reads_total", vec![redis, result("miss")], "1"),
        (
            "cache_loads_total",
            vec![redis, ("cache_kind", "redis")],
            "1",
        ),
        ("cache_load_duration_seconds_count", vec![redis], "1"),
        ("cache_redis_errors_total", vec![redis], "0"),
        (
            "dedup_reservations_total",
            vec![
                ("dedup_name", "p-caches-dedup"),
                ("dedup_result", "duplicate"),
            ],
            "1",
        ),
        (
            "cooldown_starts_total",
            vec![
                ("cooldown_name", "p-caches-cooldown"),
                ("cooldown_result", "refused"),
            ],
            "1",
        ),
        (
            "cooldown_forgotten_total",
            vec![("cooldown_name", "p-caches-cooldown")],
            "1",
        ),
    ]);
    assert!(scrape.number("cache_load_duration_seconds_sum", &[coherent]) > 0.0);
}

#[tokio::test]
async fn it_exports_what_channels_and_buses_did() {
    let _alone = ALONE.lock().await;
    let _world = World::used("p-values").await;
    let scrape = Exporter::new().scrape();
    let bus = ("bus_namespace", "p-values");
    let channel = ("channel_name", "p-values:users");
    scrape.assert(&[
        ("channel_events_published_total", vec![channel], "1"),
        ("channel_events_received_total", vec![channel], "1"),
        ("channel_messages_rejected_total", vec![channel], "1"),
        (
            "channel_flushes_total",
            vec![channel, ("channel_flush_cause", "live")],
            "2",
        ),
        (
            "channel_flushes_total",
            vec![channel, ("channel_flush_cause", "rejected")],
            "1",
        ),
        (
            "channel_flushes_total",
            vec![channel, ("channel_flush_cause", "moved")],
            "0",
        ),
        ("channel_live", vec![channel], "1"),
        ("bus_live", vec![bus], "1"),
        ("bus_reconnects_total", vec![bus], "1"),
        (
            "bus_losses_total",
            vec![bus, ("bus_loss_cause", "disconnected")],
            "1",
        ),
        ("bus_role", vec![bus, ("bus_server_role", "primary")], "1"),
        ("bus_role", vec![bus, ("bus_server_role", "replica")], "0"),
    ]);
    assert!(scrape.number("bus_lease_left_seconds", &[bus]) > 0.0);
    assert!(scrape.number("bus_canary_duration_seconds", &[bus]) > 0.0);
}

/// While the server is away, the bus is not live, and the counters say why.
#[tokio::test]
async fn it_tells_of_a_server_that_is_away() {
    let _alone = ALONE.lock().await;
    let mut world = World::new("p-away").await;
    let exporter = Exporter::new();
    let bus = ("bus_namespace", "p-away");
    assert_eq!(exporter.scrape().get("bus_live", &[bus]), "1");
    world.server.kill9();
    let scrape = async || {
        let scrape = exporter.scrape();
        let channel = ("channel_name", "p-away:users");
        let live = scrape.get("channel_live", &[channel]).to_owned();
        let values = ["bus_live", "bus_lease_left_seconds", "bus_reconnects_total"];
        (live, values.map(|name| scrape.get(name, &[bus]).to_owned()))
    };
    let away = |(channel, [live, left, reconnects]): &(String, [String; 3])| {
        [channel, live, left, reconnects] == ["0"; 4]
    };
    eventually("the metrics to tell of it", scrape, away).await;
    world.server.restart().await;
    let back = |(channel, [live, left, reconnects]): &(String, [String; 3])| {
        [channel, live, reconnects] == ["1"; 3] && left.parse::<f64>().unwrap() > 0.0
    };
    eventually("the metrics to tell that it is back", scrape, back).await;
    drop(world);
}

#[tokio::test]
async fn what_is_gone_is_not_exported_as_if_it_were_there() {
    let _alone = ALONE.lock().await;
    let exporter = Exporter::new();
    let world = World::new("p-gone").await;
    world.ttl.insert("a".to_owned(), 1);
    let (bus, ttl) = (("bus_namespace", "p-gone"), ("cache_name", "p-gone-ttl"));
    let scrape = exporter.scrape();
    assert_eq!(scrape.get("bus_live", &[bus]), "1");
    assert_eq!(scrape.get("cache_entries", &[ttl]), "1");
    world.bus.close().await;
    assert_eq!(exporter.scrape().get("bus_live", &[bus]), "0");
    drop(world);
    let scrape = async || {
        let scrape = exporter.scrape();
        let live = scrape.get("bus_live", &[bus]).to_owned();
        (live, scrape.get("cache_entries", &[ttl]).to_owned())
    };
    let gone = ("NaN".to_owned(), "0".to_owned());
    eventually("the gauges to say so", scrape, |seen| *seen == gone).await;
}

/// Also with the exporter's own rules for names.
#[tokio::test]
async fn it_exports_what_is_documented() {
    let _alone = ALONE.lock().await;
    let _world = World::used("p-docs").await;
    let types = documented().into_iter().map(|it| {
        // The series of a histogram.
        let kind = if it.name.starts_with("cache.load.duration") {
            "gauge".to_owned()
        } else {
            it.kind
        };
        (it.prometheus, kind)
    });
    let types: BTreeSet<_> = types.collect();
    assert_eq!(Exporter::new().scrape().types(), types);

    let recommended = PrometheusBuilder::new().with_recommended_naming(true);
    let scrape = Exporter::of(recommended).scrape();
    let ours = |name: &String| types.iter().any(|(documented, _)| documented == name);
    let other: Vec<_> = scrape
        .types()
        .into_iter()
        .filter(|(name, _)| !ours(name))
        .collect();
    assert_eq!(other, []);
    for it in documented() {
        let help = format!("# HELP {} {}\n", it.prometheus, it.meaning);
        assert!(Exporter::new().scrape().0.contains(&help), "{help}");
    }
}

#[tokio::test]
async fn buckets_hold_what_is_not_longer() {
    let _alone = ALONE.lock().await;
    let world = World::new("p-buckets").await;
    let exporter = Exporter::new();
    let bucket = |le: &str| {
        let labels = [("cache_name", "p-buckets-coherent"), ("le", le)];
        let scrape = exporter.scrape();
        scrape
            .get("cache_load_duration_seconds_bucket", &labels)
            .to_owned()
    };
    assert_eq!(bucket("+Inf"), "0");
    let slow = async || {
        tokio::time::sleep(Duration::from_millis(2)).await;
        1
    };
    world.coherent.get_or_load("7", slow).await;
    assert_eq!(["0.0005", "0.001", "+Inf"].map(bucket), ["0", "0", "1"]);
}
