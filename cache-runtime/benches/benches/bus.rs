//! The time from publish to receive over a real Redis: ours against a bare redis-rs loop.
//!
//! ```sh
//! cargo bench -p benches --bench bus
//! ```
//!
//! Rounds of both alternate, so that a change of the machine's speed affects both. Each figure is
//! the median of its rounds. No time makes the benchmark fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::service::{Invalidator, Service, Subscription};
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, PushInfo, PushKind, Value};
use support::Server;
use tokio::sync::mpsc;

#[derive(InvalidationEvent)]
enum ChannelEvent {
    Channel { channel_id: String },
    All,
}

#[cache_invalidation(channel = "cache:inline", event = ChannelEvent)]
struct InlineChannels;

#[cache_invalidation(channel = "cache:handler", event = ChannelEvent)]
struct HandlerChannels;

/// The channel of the bare loop, which publishes the same bytes.
const RAW_CHANNEL: &str = "cache:bare";
const PAYLOAD: &str = r#"{"type":"channel","channelId":"991653853096068000"}"#;
const CHANNEL_ID: &str = "991653853096068000";

const ROUNDS: usize = 7;
const LATENCIES: usize = 3_000;
const EVENTS: u64 = 200_000;
const REPEAT: &str = "for _ = 1, ARGV[3] do redis.call('PUBLISH', ARGV[1], ARGV[2]) end";
/// The most events on their way at a time, so that no queue overflows on either side.
const WINDOW: u64 = 2_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let server = Server::start().await;
    let url = server.url();
    let mut bare = Bare::connect(&url).await;
    let mut inline = Ours::connect(&url, InlineChannels::new, Ours::inline).await;
    let mut handler = Ours::connect(&url, HandlerChannels::new, Ours::handler).await;

    let [mut b, mut i, mut h] = [
        Latencies::default(),
        Latencies::default(),
        Latencies::default(),
    ];
    // The first round warms up and does not count.
    for round in 0..=ROUNDS {
        let figures = [
            latencies(&mut bare).await,
            latencies(&mut inline).await,
            latencies(&mut handler).await,
        ];
        if round > 0 {
            for (all, figures) in [&mut b, &mut i, &mut h].into_iter().zip(figures) {
                all.record(&figures);
            }
        }
    }
    println!(
        "publish to receive, bare redis-rs: p50 {:?}, p99 {:?}",
        b.p50(),
        b.p99()
    );
    println!(
        "publish to evicted (inline):       p50 {:?}, p99 {:?}",
        i.p50(),
        i.p99()
    );
    println!(
        "publish to handler (async):        p50 {:?}, p99 {:?}",
        h.p50(),
        h.p99()
    );
    at_most("publish_to_evict_p50", i.p50(), b.p50());
    at_most("publish_to_evict_p99", i.p99(), b.p99());
    at_most("publish_to_handler_p50", h.p50(), b.p50());
    at_most("publish_to_handler_p99", h.p99(), b.p99());

    let (mut bare_rates, mut our_rates) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let rates = (
            events_per_second(&url, RAW_CHANNEL, &mut bare).await,
            events_per_second(&url, InlineChannels::CHANNEL, &mut inline).await,
        );
        if round > 0 {
            bare_rates.push(rates.0);
            our_rates.push(rates.1);
        }
    }
    let (bare_rate, our_rate) = (median(&mut bare_rates), median(&mut our_rates));
    println!("events per second: bare {bare_rate:.0}, applied {our_rate:.0}");
    println!(
        "ratio events_per_second = {:.3} (goal >= 0.95)",
        our_rate / bare_rate
    );
}

fn at_most(name: &str, ours: Duration, bare: Duration) {
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    println!("ratio {name} = {ratio:.3} (goal <= 1.05)");
}

/// Publishes one message and waits until it has arrived.
trait RoundTrip {
    async fn publish(&mut self);
    /// Waits for the next message; returns the time at which it has arrived.
    async fn arrival(&mut self) -> Instant;
    /// Counts the messages that have arrived.
    fn arrived(&self) -> Arc<AtomicU64>;
}

async fn latencies(path: &mut impl RoundTrip) -> Vec<Duration> {
    let mut all = Vec::with_capacity(LATENCIES);
    for _ in 0..LATENCIES {
        let started = Instant::now();
        path.publish().await;
        all.push(path.arrival().await.saturating_duration_since(started));
    }
    all.sort_unstable();
    all
}

/// Measures the receiving side. The publisher is the same for both, so that only that side differs.
async fn events_per_second(url: &str, channel: &str, path: &mut impl RoundTrip) -> f64 {
    let mut publisher = connection(url, None).await;
    let arrived = path.arrived();
    let before = arrived.load(Ordering::Acquire);
    // The server repeats the message by itself, so that the receiving side is what is measured.
    let mut batch = redis::cmd("EVAL");
    batch
        .arg(REPEAT)
        .arg(0)
        .arg(channel)
        .arg(PAYLOAD)
        .arg(WINDOW / 4);
    let started = Instant::now();
    let mut sent = 0;
    while sent < EVENTS {
        while sent - (arrived.load(Ordering::Acquire) - before) > WINDOW {
            tokio::task::yield_now().await;
        }
        let _: () = batch
            .query_async(&mut publisher)
            .await
            .expect("the server answers");
        sent += WINDOW / 4;
    }
    while arrived.load(Ordering::Acquire) - before < sent {
        tokio::task::yield_now().await;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let sent = sent as f64;
    // The queue of `arrival` is not read here; only the counter is.
    sent / started.elapsed().as_secs_f64()
}

async fn connection(
    url: &str,
    push: Option<mpsc::UnboundedSender<PushInfo>>,
) -> MultiplexedConnection {
    let info = url.into_connection_info().expect("a valid address");
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(redis::ProtocolVersion::RESP3);
    let info = info
        .set_redis_settings(redis)
        .set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let mut config = AsyncConnectionConfig::new();
    if let Some(push) = push {
        config = config.set_push_sender(push);
    }
    Client::open(info)
        .expect("a valid address")
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .expect("the server is there")
}

/// redis-rs alone: a receiving task that reads the kind of a push and that its payload is not
/// empty.
struct Bare {
    publisher: MultiplexedConnection,
    _subscriber: MultiplexedConnection,
    arrivals: mpsc::UnboundedReceiver<Instant>,
    arrived: Arc<AtomicU64>,
}

impl Bare {
    async fn connect(url: &str) -> Self {
        let (push, mut pushed) = mpsc::unbounded_channel::<PushInfo>();
        let mut subscriber = connection(url, Some(push)).await;
        subscriber
            .subscribe(RAW_CHANNEL)
            .await
            .expect("a free channel");
        let (tell, arrivals) = mpsc::unbounded_channel();
        let arrived = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&arrived);
        tokio::spawn(async move {
            while let Some(push) = pushed.recv().await {
                if push.kind == PushKind::Message
                    && let Some(Value::BulkString(payload)) = push.data.get(1)
                    && !payload.is_empty()
                {
                    count.fetch_add(1, Ordering::Release);
                    let _ = tell.send(Instant::now());
                }
            }
        });
        Self {
            publisher: connection(url, None).await,
            _subscriber: subscriber,
            arrivals,
            arrived,
        }
    }
}

impl RoundTrip for Bare {
    async fn publish(&mut self) {
        let _: u64 = redis::cmd("PUBLISH")
            .arg(RAW_CHANNEL)
            .arg(PAYLOAD)
            .query_async(&mut self.publisher)
            .await
            .expect("the server answers");
    }

    async fn arrival(&mut self) -> Instant {
        self.arrivals.recv().await.expect("the task runs")
    }

    fn arrived(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.arrived)
    }
}

/// Two instances: one publishes, the other receives.
struct Ours {
    publisher: Invalidator<ChannelEvent>,
    _subscription: Subscription,
    arrivals: mpsc::UnboundedReceiver<Instant>,
    arrived: Arc<AtomicU64>,
}

type Events = Invalidator<ChannelEvent>;

impl Ours {
    async fn connect<S: Service<Event = ChannelEvent>>(
        url: &str,
        service: fn(&Bus) -> S,
        subscribe: fn(&Events, mpsc::UnboundedSender<Instant>, Arc<AtomicU64>) -> Subscription,
    ) -> Self {
        let [here, there] = [
            Bus::redis(url)
                .connect()
                .await
                .expect("the server is there"),
            Bus::redis(url)
                .connect()
                .await
                .expect("the server is there"),
        ];
        let (tell, mut arrivals) = mpsc::unbounded_channel();
        let arrived = Arc::new(AtomicU64::new(0));
        let subscription = subscribe(service(&there).invalidator(), tell, Arc::clone(&arrived));
        there.ready().await.expect("a channel that is allowed");
        // `All` arrives once, because the subscription is new.
        arrivals.recv().await.expect("the subscription lives");
        Self {
            publisher: service(&here).invalidator().clone(),
            _subscription: subscription,
            arrivals,
            arrived,
        }
    }

    fn inline(
        service: &Events,
        tell: mpsc::UnboundedSender<Instant>,
        arrived: Arc<AtomicU64>,
    ) -> Subscription {
        service.subscribe_inline(move |_event| {
            arrived.fetch_add(1, Ordering::Release);
            let _ = tell.send(Instant::now());
        })
    }

    fn handler(
        service: &Events,
        tell: mpsc::UnboundedSender<Instant>,
        arrived: Arc<AtomicU64>,
    ) -> Subscription {
        service.subscribe(move |_event| {
            arrived.fetch_add(1, Ordering::Release);
            let _ = tell.send(Instant::now());
            async {}
        })
    }
}

impl RoundTrip for Ours {
    async fn publish(&mut self) {
        self.publisher
            .invalidate_channel(CHANNEL_ID)
            .await
            .expect("the server answers");
    }

    async fn arrival(&mut self) -> Instant {
        self.arrivals.recv().await.expect("the subscription lives")
    }

    fn arrived(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.arrived)
    }
}

/// The medians of the rounds' percentiles.
#[derive(Default)]
struct Latencies {
    p50: Vec<Duration>,
    p99: Vec<Duration>,
}

impl Latencies {
    fn record(&mut self, sorted: &[Duration]) {
        self.p50.push(sorted[sorted.len() / 2]);
        self.p99.push(sorted[sorted.len() * 99 / 100]);
    }

    fn p50(&mut self) -> Duration {
        median(&mut self.p50)
    }

    fn p99(&mut self) -> Duration {
        median(&mut self.p99)
    }
}

fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("no value is NaN"));
    values[values.len() / 2]
}
