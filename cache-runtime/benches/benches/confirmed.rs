//! The time of a confirmed publication over a real Redis, against a plain one.
//!
//! ```sh
//! cargo bench -p benches --bench confirmed
//! ```
//!
//! All instances are in this process and share its thread for I/O, which applies the events and answers
//! the fences of all of them: with processes of their own they would do that at the same time. Both
//! ways to publish alternate. No time makes the benchmark fail.

use std::time::{Duration, Instant};

use benches::percentile;
use cache_runtime::bus::Health;
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use support::{Server, until};

#[derive(InvalidationEvent)]
enum UserEvent {
    User { user_id: u64 },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
struct Users;

const INSTANCES: [usize; 3] = [2, 8, 32];
const SAMPLES: usize = 2_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    for instances in INSTANCES {
        measure(instances).await;
    }
}

async fn measure(number: usize) {
    let server = Server::start().await;
    let mut instances = Vec::new();
    for _ in 0..number {
        instances.push(Instance::start(&server.url()).await);
    }
    let writer = &instances[0].1;
    // At first, every confirmation takes a lease.
    let begun = Instant::now();
    while begun.elapsed() < cache_runtime::defaults::LEASE * 3 {
        writer
            .invalidate_user(0)
            .confirmed()
            .await
            .expect("all answer");
    }
    let (mut plain, mut confirmed) = (Vec::new(), Vec::new());
    for user_id in 0..SAMPLES as u64 {
        let begun = Instant::now();
        writer
            .invalidate_user(user_id)
            .await
            .expect("the server is there");
        plain.push(begun.elapsed());
        let begun = Instant::now();
        writer
            .invalidate_user(user_id)
            .confirmed()
            .await
            .expect("all answer");
        confirmed.push(begun.elapsed());
    }
    for (name, times) in [("plain", &mut plain), ("confirmed", &mut confirmed)] {
        times.sort_unstable();
        let (p50, p99) = (percentile(times, 0.5), percentile(times, 0.99));
        println!("{number:2} instances, {name:9}: p50 {p50:>9.1?}, p99 {p99:>9.1?}");
    }
    for (name, at) in [("p50", 0.5), ("p99", 0.99)] {
        let ratio = seconds(percentile(&confirmed, at)) / seconds(percentile(&plain, at));
        println!("ratio confirmed_{number}_{name} = {ratio:.2}");
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// An instance: its cache, and its service.
struct Instance(
    #[expect(dead_code, reason = "it evicts")] CoherentCache<u64, u64>,
    Users,
);

impl Instance {
    async fn start(url: &str) -> Self {
        let bus = Bus::redis(url)
            .connect()
            .await
            .expect("the server is running");
        let users = Users::new(&bus);
        let cache = CoherentCache::builder("users", Duration::from_mins(1));
        let cache = cache.evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(*user_id),
            UserEvent::All => Evict::All,
        });
        let cache = cache.build().expect("the settings can be used");
        let mut health = bus.watch_health();
        until("the bus to be live", &mut health, Health::is_live).await;
        Self(cache, users)
    }
}
