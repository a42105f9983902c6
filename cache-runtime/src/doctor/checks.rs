//! What a diagnosis tries.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::diagnosis::{Check, Diagnosis, Found, Outcome, Took};
use super::instances::{differing, instances};
use crate::bus::{Bus, Health, NotReady};
use crate::channel::{DeclaredChannel, Dispatch, channels};
use crate::health::Cause;
use crate::io_thread::timeout;
use crate::keyspace::Keyspace;
use crate::queue::{Bounds, Queue};
use crate::random;
use crate::settings::BESIDE_PREFIX;
use crate::transport::{Acquired, EntryKeys, Filled, Seek, Stored};

/// How long what is stored for a check may stay.
const TTL: Duration = Duration::from_secs(10);

/// What is kept of a channel that is only subscribed to.
const UNREAD: Bounds = Bounds { items: 1, bytes: 0 };

impl Bus {
    /// Tries whether the server can be used: step by step, on connections of its own.
    ///
    /// It asks the server for its software and role, waits until a canary has come back, subscribes to
    /// each channel that a service of the program declares, stores, reads and deletes keys under
    /// `cache-runtime:`, and lists the instances. No event is published. What takes longer than the
    /// limits of the bus allow has failed; after a server that cannot be used, nothing else is tried.
    ///
    /// # Cancel safety
    ///
    /// Safe: at most, a key remains for 10 s.
    pub async fn doctor(&self) -> Diagnosis {
        let declared = channels().into_iter().map(DeclaredChannel::channel);
        self.doctor_of(declared.collect()).await
    }

    /// As [`doctor`](Self::doctor), with these channels.
    pub(crate) async fn doctor_of(&self, channels: BTreeSet<&str>) -> Diagnosis {
        let bus = self.another_instance();
        let mut diagnosis = Diagnosis {
            checks: vec![check("server", server(&bus)).await],
            instances: Vec::new(),
        };
        if diagnosis.is_well() {
            let checks = &mut diagnosis.checks;
            checks.push(check("events", events(&bus)).await);
            for channel in channels {
                checks
                    .push(check(&format!("channel {channel}"), self::channel(&bus, channel)).await);
            }
            checks.push(check("keys", keys(&bus)).await);
            let begun = Instant::now();
            let (found, instances) = instances(&bus).await;
            checks.push(checked("instances", begun, found));
            for (channel, found) in differing(&instances) {
                checks.push(checked(
                    &format!("events of {channel}"),
                    Instant::now(),
                    found,
                ));
            }
            diagnosis.instances = instances;
        }
        bus.close().await;
        diagnosis
    }
}

async fn check(what: &str, trying: impl Future<Output = Found>) -> Check {
    let begun = Instant::now();
    checked(what, begun, trying.await)
}

fn checked(what: &str, begun: Instant, (outcome, text): Found) -> Check {
    Check {
        what: what.to_owned(),
        outcome,
        text,
        took: begun.elapsed(),
    }
}

fn failed(why: &Cause) -> Found {
    (Outcome::Failed, why.to_string())
}

/// Which software, in which role.
async fn server(bus: &Bus) -> Found {
    let servers = match bus.shared().introduce().await {
        Ok(servers) => servers,
        Err(cause) => return failed(&cause),
    };
    let described = servers.iter();
    let described =
        described.map(|server| format!("{} at {}, primary", server.software, server.address));
    (Outcome::Passed, described.collect::<Vec<_>>().join("; "))
}

/// Waits until something is live, for as long as an answer and a lease may take. Otherwise says why it is
/// not.
async fn in_time<T>(
    bus: &Bus,
    ready: impl Future<Output = Result<T, NotReady>>,
    health: impl Fn() -> Health,
) -> Result<T, String> {
    let settings = bus.shared().settings();
    #[cfg(feature = "redis")]
    let answer = settings.connect_timeout + settings.response_timeout;
    #[cfg(not(feature = "redis"))]
    let answer = Duration::ZERO;
    let limit = answer + settings.lease;
    match timeout(limit, ready).await {
        Ok(ready) => ready.map_err(|not_ready| not_ready.cause().to_string()),
        Err(_) => Err(format!("not live within {}: {}", Took(limit), health())),
    }
}

/// Whether a message makes the round.
async fn events(bus: &Bus) -> Found {
    let shared = bus.shared();
    let health = || shared.health().get();
    match in_time(bus, shared.canary(), health).await {
        Ok(Some(canary)) => {
            let text = format!("live; a message makes the round in {}", Took(canary));
            (Outcome::Passed, text)
        }
        Ok(None) => (Outcome::Passed, "live".to_owned()),
        Err(why) => (Outcome::Failed, why),
    }
}

/// Whether the channel may be subscribed to.
async fn channel(bus: &Bus, channel: &str) -> Found {
    let reader = Arc::new(Queue::new(UNREAD));
    let tail = bus.shared().tail(channel, &reader);
    let ready = bus.shared().ready(tail.health(), None);
    match in_time(bus, ready, || tail.health().get()).await {
        Ok(()) => (Outcome::Passed, "live".to_owned()),
        Err(why) => (Outcome::Failed, why),
    }
}

/// Whether caches in Redis can do what they need.
async fn keys(bus: &Bus) -> Found {
    match exercise(bus).await {
        Ok(()) => {
            let text = "stored, read, locked and deleted, as caches in Redis do";
            (Outcome::Passed, text.to_owned())
        }
        Err(cause) => {
            let text = format!("{cause}. Without caches in Redis, that does no harm");
            (Outcome::Doubtful, text)
        }
    }
}

async fn exercise(bus: &Bus) -> Result<(), Cause> {
    let keyspace = Keyspace::new(bus);
    let nonce = format!("{:016x}", random::number());
    let wrong =
        |what: &str| Cause::Server(format!("{what} was answered with something else").into());

    let key = format!("{BESIDE_PREFIX}doctor:{nonce}");
    keyspace.set(&key, b"1", TTL).await?;
    if keyspace.get(&key).await?.as_deref() != Some(b"1") {
        return Err(wrong("reading what was stored"));
    }
    keyspace.delete(&[&key]).await?;
    let other = keyspace.set_if_absent(&key, nonce.as_bytes(), TTL).await?;
    if other.is_some() {
        return Err(wrong("storing what was deleted"));
    }
    keyspace.delete_if_equal(&key, nonce.as_bytes()).await?;

    let entry = |name: &str| keyspace.full(&format!("{BESIDE_PREFIX}doctor:{{{nonce}}}:{name}"));
    let names = EntryKeys {
        value: entry("v"),
        token: entry("t"),
        stored: Stored::Sealed {
            generation: entry("g"),
            group: None,
        },
        max_bytes: 16,
    };
    let Acquired::Token(token) = keyspace.acquire(&names, Seek::Missing, TTL).await? else {
        return Err(wrong("a lock"));
    };
    if keyspace.fill(&token, b"1", TTL).await? != Filled::Stored {
        return Err(wrong("storing under a lock"));
    }
    if keyspace.lookup(&names).await?.is_none() {
        return Err(wrong("reading an entry"));
    }
    let all = [names.value, names.token, entry("g")];
    keyspace.evict_in_epoch(&entry("g"), &all).await
}
