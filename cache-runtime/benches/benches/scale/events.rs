//! Events a second: what one instance evicts, and what it publishes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::{Bus, CoherentCache, Evict};
use support::{Server, eventually};
use tokio::task::JoinSet;

use crate::number::{float, millis, percentile};
use crate::process::Process;
use crate::publisher::Publisher;
use crate::table::Table;
use crate::{UserEvent, Users, seconds, setting, up_to};

pub(crate) async fn run() {
    evicted().await;
    published().await;
}

/// Another process publishes; this one evicts.
async fn evicted() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url()).connect().await.expect("a server");
    let users = Users::new(&bus);
    let seen: &AtomicU64 = Box::leak(Box::default());
    // The closure is asked once for each event.
    let cache = CoherentCache::<u64, u64>::builder("users", Duration::from_hours(1));
    let cache = cache.evict_on(&users, |event| match event {
        UserEvent::User { user_id } => {
            seen.fetch_add(1, Ordering::Relaxed);
            Evict::key(*user_id)
        }
        UserEvent::All => Evict::All,
    });
    let cache = cache.build().expect("usable settings");
    bus.ready().await.expect("a healthy server");
    let mut publisher = Publisher::start(&server.url());
    let mut table = Table::new(
        "events-evicted",
        &[
            "asked for, events/s",
            "published, events/s",
            "evicted, events/s",
            "flushes",
            "CPU, µs an event",
        ],
    );
    let end = setting("EVENTS", 300_000);
    for rate in up_to(end, [1_000, 3_000, 10_000, 30_000, 100_000]) {
        let count = || (seen.load(Ordering::Relaxed), users.stats().flushes);
        let (before, used, begun) = (count(), Process::this().cpu(), Instant::now());
        let since = || (count().0 - before.0, count().1 - before.1);
        publisher
            .begin(rate, seconds(), r#"{"type":"user","userId":{}}"#)
            .await;
        let (sent, rate_of_all) = publisher.end().await;
        // The rest is still on its way. What a flush has replaced never comes.
        let mut known = 0;
        let all = async || {
            let (evicted, flushes) = since();
            evicted == sent || flushes > 0 && std::mem::replace(&mut known, evicted) == evicted
        };
        eventually("every event, or a flush", all, |all| *all).await;
        let (evicted, flushes) = since();
        let used = (Process::this().cpu() - used) / float(evicted.max(1));
        table.row(&[
            float(rate),
            rate_of_all,
            float(evicted) / begun.elapsed().as_secs_f64(),
            float(flushes),
            1e6 * used,
        ]);
    }
    drop(cache);
    table.draw(&[&[1, 2], &[4]]);
}

/// Tasks of this process publish, each one event at a time.
async fn published() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url()).connect().await.expect("a server");
    let users: &Users = Box::leak(Box::new(Users::new(&bus)));
    let mut table = Table::new(
        "events-published",
        &[
            "tasks that publish",
            "published, events/s",
            "p50, ms",
            "p99, ms",
            "CPU, µs an event",
        ],
    );
    for tasks in [1, 4, 16, 64, 256, 1024] {
        let used = Process::this().cpu();
        let begun = Instant::now();
        let mut publishing = JoinSet::new();
        for task in 0..tasks {
            publishing.spawn(async move {
                let mut times = Vec::new();
                while begun.elapsed() < seconds() {
                    let begun = Instant::now();
                    users
                        .invalidate_user(task)
                        .await
                        .expect("the server is there");
                    times.push(begun.elapsed());
                }
                times
            });
        }
        let mut times = publishing.join_all().await.concat();
        let (all, time) = (float(times.len() as u64), begun.elapsed());
        let used = 1e6 * (Process::this().cpu() - used) / all;
        let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
        table.row(&[float(tasks), 1e3 * all / millis(time), p50, p99, used]);
    }
    table.draw(&[&[1], &[2, 3], &[4]]);
}
