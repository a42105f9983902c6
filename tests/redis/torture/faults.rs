//! The faults, caused in turn.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::{Direction, Proxy, Server, eventually, in_turn};
use tokio::time::sleep;

use super::publisher::Control;

/// The time between two faults, long enough for most channels to be live again.
const CALM: Duration = Duration::from_millis(250);

/// Too short to be noticed.
const HICCUP: Duration = Duration::from_millis(150);

/// Longer than the lease.
const OUTAGE: Duration = Duration::from_millis(900);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    KillSubscribers,
    KillPublishers,
    Hiccup,
    Freeze,
    Restart,
    Cut,
    BlackHole,
    BlackHoleToServer,
    BlackHoleToClient,
    SlowHandlers,
    Overflow,
    Revoke,
}

const ALL: [Fault; 12] = [
    Fault::KillSubscribers,
    Fault::SlowHandlers,
    Fault::Restart,
    Fault::Cut,
    Fault::Freeze,
    Fault::KillPublishers,
    Fault::Overflow,
    Fault::BlackHoleToServer,
    Fault::BlackHoleToClient,
    Fault::Revoke,
    Fault::Hiccup,
    Fault::BlackHole,
];

/// The user that the subscribers connect as.
pub(super) const USER: &str = "app";
/// Not all, because Redis 6.2 ends no subscriptions of a user that had access to all channels.
pub(super) const CHANNELS: [&str; 2] = ["&cache:*", "&cache-runtime:*"];
pub(super) const PASSWORD: &str = "secret";

/// What the faults act on.
#[derive(Debug)]
pub(super) struct Victims<'a> {
    pub(super) server: &'a mut Server,
    /// To the server.
    pub(super) proxy: &'a Proxy,
    /// Tells the handlers to be slow.
    pub(super) slow: &'a AtomicBool,
    pub(super) publishers: &'a [Control],
}

/// Causes every fault at least once, until `duration` has passed; returns how often each was caused.
pub(super) async fn run(victims: &mut Victims<'_>, duration: Duration) -> BTreeMap<Fault, usize> {
    in_turn(ALL, duration, async |fault| {
        sleep(CALM).await;
        cause(fault, victims).await;
    })
    .await
}

async fn cause(fault: Fault, victims: &mut Victims<'_>) {
    let Victims {
        server,
        proxy,
        slow,
        publishers,
    } = victims;
    let silence = async |direction| {
        proxy.black_hole_during(direction, sleep(OUTAGE)).await;
    };
    match fault {
        Fault::KillSubscribers => {
            server.admin().await.kill_clients("pubsub").await;
        }
        Fault::KillPublishers => {
            server.admin().await.kill_clients("normal").await;
        }
        Fault::Hiccup => server.freeze_for(HICCUP).await,
        Fault::Freeze => server.freeze_for(OUTAGE).await,
        Fault::Restart => {
            server.kill9();
            sleep(HICCUP).await;
            server.restart().await;
        }
        Fault::Cut => proxy.cut(),
        Fault::BlackHole => silence(Direction::Both).await,
        Fault::BlackHoleToServer => silence(Direction::ToServer).await,
        Fault::BlackHoleToClient => silence(Direction::ToClient).await,
        Fault::SlowHandlers => {
            slow.store(true, Ordering::Relaxed);
            sleep(OUTAGE).await;
            slow.store(false, Ordering::Relaxed);
        }
        Fault::Overflow => overflow(server, proxy).await,
        Fault::Revoke => revoke(server, publishers).await,
    }
}

/// Floods a subscriber that does not read, until the server closes it.
async fn overflow(server: &Server, proxy: &Proxy) {
    const LIMIT: &str = "client-output-buffer-limit";
    let admin = server.admin().await;
    let limit = async |limit| admin.run::<()>(&["CONFIG", "SET", LIMIT, limit]).await;
    let event = format!(r#"{{"type":"name","name":"{}"}}"#, "n".repeat(32 * 1024));
    let closed = || server.log().matches("output buffer limits").count();

    limit("pubsub 256kb 64kb 1").await;
    let before = closed();
    let flood = async || {
        // A subscriber that notices the silence first has reconnected after the next pause.
        proxy.black_hole(Direction::ToClient);
        let begun = Instant::now();
        while begun.elapsed() < HICCUP && closed() == before {
            for _ in 0..32 {
                admin.publish("cache:users", &event).await;
            }
        }
        if closed() == before {
            proxy.heal();
            sleep(OUTAGE).await;
        }
        closed()
    };
    eventually("the server to close a subscriber", flood, |count| {
        *count > before
    })
    .await;
    proxy.heal();
    limit("pubsub 32mb 8mb 60").await;
}

/// Forbids a channel to the subscribers, and allows it again. Publishers connect as another user.
async fn revoke(server: &Server, publishers: &[Control]) {
    let admin = server.admin().await;
    let allow = async |rules: &[&str]| {
        let command = [&["ACL", "SETUSER", USER, "resetchannels"], rules].concat();
        admin.run::<()>(&command).await;
    };
    allow(&["&cache:teams", "&cache-runtime:canary:*"]).await;
    let subscribers = async || admin.subscribers("cache:users").await;
    eventually("the channel to be taken away", subscribers, |count| {
        *count == 0
    })
    .await;

    let before: Vec<_> = publishers.iter().map(Control::progress).collect();
    sleep(HICCUP).await;
    let idle = async || {
        let both = publishers.iter().zip(&before);
        both.filter(|(publisher, before)| publisher.progress() <= **before)
            .count()
    };
    eventually("every publisher to go on", idle, |count| *count == 0).await;
    assert_eq!(subscribers().await, 0, "the channel is taken away");
    allow(&CHANNELS).await;
}
