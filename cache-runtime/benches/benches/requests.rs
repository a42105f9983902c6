//! What requests through this library cost, against a bare redis-rs connection.
//!
//! ```sh
//! cargo bench -p benches --bench requests
//! cargo bench -p benches --bench requests -- reserve
//! ```
//!
//! Rounds of both alternate, so that a change of the machine's speed affects both. Each ratio is
//! ours divided by theirs. For throughput, higher is better. For times, lower is better.

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::median;
use cache_runtime::__private::{Keyspace, publish_raw};
use cache_runtime::{Bus, Dedup, InvalidationEvent, cache_invalidation};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, SetExpiry, SetOptions};
use support::Server;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const ROUNDS: usize = 21;
const TASKS: usize = 64;
/// Requests of all tasks together in a round.
const MANY: usize = 16_000;
const FEW: usize = 1_000;
const CONNECTIONS: usize = 20;
const PAYLOAD: &str = r#"{"type":"all"}"#;

#[derive(InvalidationEvent)]
enum Nothing {
    All,
}

#[cache_invalidation(channel = "cache:requests", event = Nothing)]
struct Requests;

/// A request, which both sides can make.
#[derive(Debug, Clone, Copy)]
enum What {
    Get,
    Publish,
    Reserve,
}

#[derive(Clone)]
struct Sides {
    bare: MultiplexedConnection,
    bus: Bus,
    keyspace: Arc<Keyspace>,
    dedup: Dedup,
}

impl Sides {
    async fn bare(&mut self, what: What, number: usize) {
        match what {
            What::Get => {
                let mut command = redis::cmd("GET");
                let value: Option<Vec<u8>> = command
                    .arg("key")
                    .query_async(&mut self.bare)
                    .await
                    .expect("an answer");
                assert!(value.is_some());
            }
            What::Publish => {
                let mut command = redis::cmd("PUBLISH");
                command.arg("cache:requests").arg(PAYLOAD);
                let _: u64 = command
                    .query_async(&mut self.bare)
                    .await
                    .expect("an answer");
            }
            What::Reserve => {
                let options = SetOptions::default()
                    .conditional_set(redis::ExistenceCheck::NX)
                    .with_expiration(SetExpiry::EX(60));
                let mut command = redis::cmd("SET");
                command.arg(format!("bare:{number}")).arg("me").arg(options);
                let _: Option<String> = command
                    .query_async(&mut self.bare)
                    .await
                    .expect("an answer");
            }
        }
    }

    async fn ours(&mut self, what: What, number: usize) {
        match what {
            What::Get => {
                let value = self.keyspace.get("key").await.expect("an answer");
                assert!(value.is_some());
            }
            What::Publish => {
                let sent = publish_raw(&self.bus, "cache:requests", PAYLOAD.as_bytes()).await;
                sent.expect("an answer");
            }
            What::Reserve => {
                let reserved = self.dedup.reserve(&number.to_string(), "me").await;
                let _ = reserved.expect("an answer");
            }
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.run::<()>(&["SET", "key", "value"]).await;
    let bus = Bus::redis(server.url()).connect().await.expect("a server");
    let sides = Sides {
        bare: bare(&server.url()).await,
        keyspace: Arc::new(Keyspace::new(&bus)),
        dedup: Dedup::builder(&bus, "reservations")
            .build()
            .expect("usable settings"),
        bus,
    };
    let chosen: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let is_chosen = |what: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == what);
    for what in [What::Get, What::Publish, What::Reserve] {
        if !is_chosen(&format!("{what:?}").to_lowercase()) {
            continue;
        }
        for (tasks, requests) in [(TASKS, MANY), (1, FEW)] {
            let mut ratios = Vec::new();
            // The first round warms up and does not count.
            for round in 0..=ROUNDS {
                admin.run::<()>(&["FLUSHALL"]).await;
                admin.run::<()>(&["SET", "key", "value"]).await;
                let theirs = time(&sides, tasks, requests, what, false).await;
                admin.run::<()>(&["FLUSHALL"]).await;
                admin.run::<()>(&["SET", "key", "value"]).await;
                let ours = time(&sides, tasks, requests, what, true).await;
                if round > 0 {
                    ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
                }
            }
            let ratio = median(ratios);
            let what = format!("{what:?}").to_lowercase();
            if tasks == 1 {
                println!("ratio {what}_time_1_task = {ratio:.3} (goal <= 1.1)");
            } else {
                let throughput = 1.0 / ratio;
                println!("ratio {what}_throughput_{tasks}_tasks = {throughput:.3} (goal >= 0.95)");
            }
        }
    }
    if is_chosen("connect") {
        connecting(&server.url()).await;
    }
}

async fn time(sides: &Sides, tasks: usize, requests: usize, what: What, ours: bool) -> Duration {
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let mut sides = sides.clone();
        running.spawn(async move {
            for number in (task..requests).step_by(tasks) {
                if ours {
                    sides.ours(what, number).await;
                } else {
                    sides.bare(what, number).await;
                }
            }
        });
    }
    running.join_all().await;
    begun.elapsed()
}

/// `connect()` to `ready()` with one channel, against connecting twice and subscribing.
async fn connecting(url: &str) {
    let mut ratios = Vec::new();
    for _ in 0..CONNECTIONS {
        let begun = Instant::now();
        let theirs = {
            let (_publisher, (_subscriber, _pushes)) = (bare(url).await, subscribed(url).await);
            begun.elapsed()
        };
        let begun = Instant::now();
        let bus = Bus::redis(url).connect().await.expect("a server");
        let service = Requests::new(&bus);
        let _subscription = service.subscribe_inline(|_| ());
        bus.ready().await.expect("a healthy server");
        let ours = begun.elapsed();
        bus.close().await;
        ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
    }
    println!(
        "ratio connect_to_ready = {:.3} (goal <= 1.3)",
        median(ratios)
    );
}

fn client(url: &str) -> Client {
    let info = url.into_connection_info().expect("an address");
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(redis::ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(redis)).expect("a client")
}

async fn bare(url: &str) -> MultiplexedConnection {
    let connection = client(url).get_multiplexed_async_connection().await;
    connection.expect("a server")
}

async fn subscribed(
    url: &str,
) -> (
    MultiplexedConnection,
    mpsc::UnboundedReceiver<redis::PushInfo>,
) {
    let (sender, mut pushes) = mpsc::unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let client = client(url);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connection.await.expect("a server");
    connection
        .subscribe("cache:requests")
        .await
        .expect("an answer");
    pushes.recv().await.expect("a confirmation");
    (connection, pushes)
}
