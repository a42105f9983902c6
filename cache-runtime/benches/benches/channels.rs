//! What channels cost a bus over a real Redis, from one to 50,000.
//!
//! ```sh
//! cargo bench -p benches --bench channels
//! ```
//!
//! For each number of channels it prints the time until all are live, relative to one command of a
//! bare redis-rs connection that subscribes to all. It also prints the memory of a channel, and the
//! share of one core that the process takes while idle.

use std::fs;
use std::time::{Duration, Instant};

use cache_runtime::__private::{DeclaredChannel, Logging};
use cache_runtime::service::{Invalidator, Subscription};
use cache_runtime::{Bus, InvalidationEvent};
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo};
use support::Server;
use tokio::sync::mpsc;

const NUMBERS: [usize; 6] = [1, 100, 1_000, 10_000, 20_000, 50_000];
const IDLE: Duration = Duration::from_secs(5);
/// The unit of the times in `/proc/self/stat` on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE: usize = 4096;

#[derive(InvalidationEvent)]
enum Nothing {
    All,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let server = Server::start().await;
    println!("channels  ready      of bare  memory     idle, of a core");
    for number in NUMBERS {
        let names: Vec<String> = (0..number).map(|n| format!("cache:channel-{n}")).collect();
        let bare = subscribe(&server.url(), &names).await;
        let before = resident();
        let begun = Instant::now();
        let bus = Bus::redis(server.url()).connect().await.expect("a server");
        let subscriptions: Vec<_> = names.into_iter().map(|name| inline(&bus, name)).collect();
        bus.ready().await.expect("a healthy server");
        let ready = begun.elapsed();
        let memory = resident().saturating_sub(before) / number;
        let idle = idle().await;
        println!(
            "{number:>8}  {ready:>9.1?}  {:>6.2}  {memory:>7} B  {:>6.2} %",
            ready.as_secs_f64() / bare.as_secs_f64(),
            100.0 * idle
        );
        assert!(bus.health().is_live());
        drop(subscriptions);
        bus.close().await;
    }
}

/// Each service has one channel, so the services are made at run time.
fn inline(bus: &Bus, name: String) -> Subscription {
    let logging = Logging {
        subscription: false,
        events: false,
        publish: false,
    };
    let declared =
        DeclaredChannel::new::<Nothing>(name.leak(), "Service", file!(), line!(), 0, logging);
    let service = Invalidator::<Nothing>::new(bus, Box::leak(Box::new(declared)));
    service.subscribe_inline(|_| ())
}

/// The time to connect and to subscribe with one command.
async fn subscribe(url: &str, names: &[String]) -> Duration {
    let begun = Instant::now();
    let info = url.into_connection_info().expect("an address");
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(redis::ProtocolVersion::RESP3);
    let client = Client::open(info.set_redis_settings(redis)).expect("a client");
    let (sender, mut pushes) = mpsc::unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connection.await.expect("a server");
    connection.subscribe(names).await.expect("an answer");
    for _ in names {
        pushes.recv().await.expect("a confirmation");
    }
    begun.elapsed()
}

/// The memory of the process, in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).expect("a field");
    pages.parse::<usize>().expect("a number") * PAGE
}

/// The share of one core that the process takes.
async fn idle() -> f64 {
    let before = cpu();
    tokio::time::sleep(IDLE).await;
    (cpu() - before) / IDLE.as_secs_f64()
}

/// The time that the process has run, in seconds.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name of the program may hold spaces.
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |field: usize| fields[field].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}
