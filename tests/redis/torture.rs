//! All faults at once: subscribers learn of every loss.
//!
//! Publishers number their events and note which ones the server acknowledged. Meanwhile the server
//! is killed, frozen and restarted, overflows and refuses a channel, connections are cut and
//! black-holed, and handlers are slow or panic. Afterwards each subscriber's log is audited: an
//! acknowledged event that it has not seen must be covered by an `All`.

mod audit;
mod faults;
mod publisher;
mod subscriber;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Proxy, Server, eventually};

use crate::fixture::{Teams, Users, builder};
use audit::{Verdict, audit};
use faults::{CHANNELS, PASSWORD, USER, Victims};
use publisher::Control;
use subscriber::Subscribers;

/// How long the faults go on, after each was caused once; the variable `TORTURE_SECONDS` says
/// otherwise.
const SECONDS: u64 = 20;

/// The number of publishers with a plain connection. A service publishes as well.
const PLAIN_PUBLISHERS: u64 = 3;

/// The user of an event that is published after all others.
const MARKER: u64 = u64::MAX;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loses_nothing_without_saying_so() {
    let seconds = env::var("TORTURE_SECONDS").map_or(SECONDS, |text| {
        text.parse().expect("TORTURE_SECONDS is a number")
    });
    // Access rules in the configuration survive a restart.
    let channels = CHANNELS.join(" ");
    let rules = format!("{USER} on >{PASSWORD} allcommands allkeys resetchannels {channels}");
    let mut server = Server::builder().option("user", &rules).start().await;
    let proxy = Proxy::to(server.port()).await;
    let mut buses = Vec::new();
    let slow = Arc::new(AtomicBool::new(false));
    let login = |url: String| url.replace("://", &format!("://{USER}:{PASSWORD}@"));
    for (name, url) in [("direct", server.url()), ("proxied", proxy.url())] {
        let url = login(url);
        let bus = builder(&url)
            .lease(Duration::from_millis(600))
            .connect_timeout(Duration::from_millis(500))
            .response_timeout(Duration::from_millis(300))
            .queue(256, 1024 * 1024);
        let bus = bus.connect().await.unwrap();
        let users = Users::new(&bus);
        let subscribers = Subscribers::start(name, &users, &slow);
        // A channel that stays allowed.
        let teams = Teams::new(&bus).subscribe(|_| ());
        bus.ready().await.unwrap();
        buses.push((bus, users, teams, subscribers));
    }

    let stop = Arc::new(AtomicBool::new(false));
    let controls: Vec<_> = (0..=PLAIN_PUBLISHERS)
        .map(|number| Control::new(number, &stop))
        .collect();
    let (service, plain) = controls.split_first().expect("there is a service");
    let mut publishers = vec![tokio::spawn(publisher::serve(
        server.url(),
        service.clone(),
    ))];
    publishers.extend(
        plain
            .iter()
            .map(|control| tokio::spawn(publisher::run(server.url(), control.clone()))),
    );
    let mut victims = Victims {
        server: &mut server,
        proxy: &proxy,
        slow: &slow,
        publishers: &controls,
    };
    let faults = faults::run(&mut victims, Duration::from_secs(seconds)).await;
    for (bus, ..) in &buses {
        let ready = async || bus.ready().await;
        eventually(
            "the bus to be live after the last fault",
            ready,
            Result::is_ok,
        )
        .await
        .unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for publisher in publishers {
        acknowledged.push(publisher.await.expect("publishers do not panic"));
    }

    // A subscriber that has the marker has received or lost every event before it.
    let admin = server.admin().await;
    let marker = format!(r#"{{"type":"user","userId":{MARKER}}}"#);
    let missing = async || {
        admin.publish("cache:users", &marker).await;
        let logs = buses
            .iter()
            .flat_map(|(.., subscribers)| subscribers.logs());
        logs.filter(|log| !log.has(MARKER)).count()
    };
    eventually("every subscriber to get the marker", missing, |count| {
        *count == 0
    })
    .await;

    println!("{seconds} s of {faults:?}");
    let counts: Vec<_> = acknowledged.iter().map(Vec::len).collect();
    println!("acknowledged: {counts:?}, the service's first");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for (.., subscribers) in &buses {
        let live = subscribers.live();
        for log in subscribers.logs() {
            let verdict = audit(&acknowledged, &live, &log.entries());
            println!("{:<26} {verdict}", log.name());
            let Verdict {
                lost, uncovered, ..
            } = verdict;
            let first = &uncovered[..uncovered.len().min(10)];
            assert!(
                first.is_empty(),
                "{}: lost unnoticed: {first:?} …",
                log.name()
            );
            assert!(lost > 0, "{}: the faults did no harm", log.name());
        }
    }
    assert!(faults.iter().all(|(_, count)| *count > 0), "{faults:?}");
}
