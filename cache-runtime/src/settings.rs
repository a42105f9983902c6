//! The settings of a bus.

use std::time::Duration;

use crate::defaults;
use crate::driver::Driver;
use crate::health::Cause;
use crate::link::Timings;
use crate::queue::Bounds;

/// The prefix of canary channels. Each instance has its own canary channel.
pub(crate) const CANARY_PREFIX: &str = "cache-runtime:canary:";

/// The key of the records that instances store for each other's audits.
pub(crate) const AUDIT_KEY: &str = "cache-runtime:audit";

/// The key of the list of live instances.
pub(crate) const INSTANCES_KEY: &str = "cache-runtime:instances";

/// The channel that keeps the connection for events open. Nothing is published on it.
pub(crate) const LISTENING: &str = "cache-runtime:canary:listening";

/// The channel of fences. Its name is like that of a canary, so that no further access rule is
/// needed.
pub(crate) const FENCE: &str = "cache-runtime:canary:fence";

/// The prefix of all keys that only this library uses. No namespace and no cache has this name.
pub(crate) const BESIDE_PREFIX: &str = "cache-runtime:";

/// Whether names of caches, and parts of a namespace, may contain this. Access rules need not quote it.
pub(crate) fn is_in_names(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// The longest heartbeat, lease, backoff and rejection interval. Longer ones are a mistake, and
/// adding them could overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What follows when a message is rejected because it is no event of the channel.
///
/// For example, a newer publisher may send an event of a type that is unknown here. A rejected
/// message is counted and logged in any case.
///
/// [`on_rejected`](crate::bus::BusBuilder::on_rejected) sets it for a bus, and the key `on_rejected`
/// of [`#[cache_invalidation]`](macro@crate::cache_invalidation) for one channel, on every bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnRejected {
    /// A flush, because the message may have been meant to evict anything. The channel stays live.
    ///
    /// Each message evicts everything from the caches of the channel at once, which costs loads.
    /// Handlers receive `All` at once for the first message, and then at most once per
    /// [`rejection_interval`](crate::bus::BusBuilder::rejection_interval).
    ///
    /// Each message evicts every entry from the channel's caches, so that every key in use is
    /// loaded again after each. What 20 such messages a second cost a cache with 10,000 keys that
    /// two threads read at random, measured on two cores with
    /// `cargo bench -p benches --bench rejected`:
    ///
    /// | A load takes | Loads a second | Reads that load | Reads a second, of the undisturbed | CPU time per read |
    /// |---|---|---|---|---|
    /// | no time | 200,000: every key after every message | 2 % | 0.88 | 1.12 times |
    /// | 1 ms | 950: the threads do nothing but wait for loads | 99.5 % | 0.0001 | 240 times |
    #[default]
    Flush,
    /// Nothing. Entries that the message was to evict stay cached until their TTL ends. A message
    /// of more than 1 MiB ends the connection all the same, see
    /// [`Cause::Oversized`](crate::bus::Cause::Oversized).
    Ignore,
}

impl OnRejected {
    /// The policy of a channel whose services declare different ones.
    pub(crate) fn safer(self, other: Self) -> Self {
        match self {
            Self::Flush => Self::Flush,
            Self::Ignore => other,
        }
    }
}

/// Which commands carry events in a Redis Cluster. Outside a cluster it makes no difference: there is
/// one kind of pub/sub.
///
/// Either way, publishers and subscribers of a channel meet at the primary of the channel's slot, and
/// what is proven of instances of this library is the same: no event between them is lost unnoticed.
/// `Display` names it, and what is not proven.
#[cfg(any(feature = "redis", simulation))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PubSub {
    /// `SPUBLISH` and `SSUBSCRIBE`, from Redis 7 on. Programs that use plain pub/sub neither hear these
    /// events nor are heard.
    #[default]
    Sharded,
    /// `PUBLISH` and `SUBSCRIBE`, which a node passes on to all others: for channels that are shared with
    /// programs that use plain pub/sub at any node, and for clusters before Redis 7.
    ///
    /// What such a program publishes at another node, or hears there, goes over connections between two
    /// nodes. They may lose it, and no canary tells: then a cache serves an old value until its TTL ends.
    /// Programs that publish at the primary of the channel's slot are heard as instances of this library
    /// are.
    ///
    /// A node does not say that it has lost a slot to another one, as it does with sharded pub/sub. Every
    /// canary asks it instead, so a moved slot may be noticed a heartbeat later.
    Broadcast,
}

#[cfg(any(feature = "redis", simulation))]
impl std::fmt::Display for PubSub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sharded => "sharded",
            Self::Broadcast => {
                "broadcast: what other programs publish or hear at other nodes may be lost unnoticed"
            }
        })
    }
}

/// The settings of a bus, over Redis or in the process.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) namespace: Option<String>,
    #[cfg(feature = "redis")]
    pub(crate) name: String,
    pub(crate) heartbeat: Duration,
    pub(crate) lease: Duration,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) rejection_interval: Duration,
    #[cfg(feature = "redis")]
    pub(crate) connect_timeout: Duration,
    #[cfg(feature = "redis")]
    pub(crate) response_timeout: Duration,
    #[cfg(any(feature = "redis", simulation))]
    pub(crate) pubsub: PubSub,
    #[cfg(simulation)]
    pub(crate) inbox: usize,
    pub(crate) queue: Bounds,
    pub(crate) outbox: Bounds,
    pub(crate) max_payload: usize,
    pub(crate) on_rejected: OnRejected,
    pub(crate) driver: Driver,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespace: None,
            #[cfg(feature = "redis")]
            name: default_name(),
            heartbeat: defaults::HEARTBEAT,
            lease: defaults::LEASE,
            backoff_min: defaults::BACKOFF_MIN,
            backoff_max: defaults::BACKOFF_MAX,
            rejection_interval: defaults::REJECTION_INTERVAL,
            #[cfg(feature = "redis")]
            connect_timeout: defaults::CONNECT_TIMEOUT,
            #[cfg(feature = "redis")]
            response_timeout: defaults::RESPONSE_TIMEOUT,
            #[cfg(any(feature = "redis", simulation))]
            pubsub: PubSub::default(),
            #[cfg(simulation)]
            inbox: defaults::INBOX_MESSAGES,
            queue: Bounds {
                items: defaults::QUEUE_EVENTS,
                bytes: defaults::QUEUE_BYTES,
            },
            outbox: Bounds {
                items: defaults::OUTBOX_EVENTS,
                bytes: defaults::OUTBOX_BYTES,
            },
            max_payload: defaults::MAX_PAYLOAD,
            on_rejected: OnRejected::default(),
            driver: Driver::default(),
        }
    }
}

/// The program's file name and its process id: enough to tell instances apart on one host.
#[cfg(feature = "redis")]
fn default_name() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = std::path::Path::new(&program)
        .file_stem()
        .map_or_else(|| "cache-runtime".into(), |stem| stem.to_string_lossy());
    let name: String = program.chars().filter(char::is_ascii_graphic).collect();
    format!("{name}-{}", std::process::id())
}

impl Settings {
    /// The name of a channel or key on the server, with the namespace.
    pub(crate) fn full_name(&self, channel: &str) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}:{channel}"),
            None => channel.to_owned(),
        }
    }

    /// The bounds of the supervisor's inbox, for all channels together.
    pub(crate) fn inbox(&self) -> Bounds {
        Bounds {
            #[cfg(not(simulation))]
            items: defaults::INBOX_MESSAGES,
            #[cfg(simulation)]
            items: self.inbox,
            bytes: defaults::INBOX_BYTES.max(self.max_payload.saturating_mul(2)),
        }
    }

    /// How long the next attempt may take to publish an event: the wait before it, and in Redis to
    /// connect and to answer.
    pub(crate) fn next_attempt(&self) -> Duration {
        let time = self.backoff_max;
        #[cfg(feature = "redis")]
        let time = time
            .saturating_add(self.connect_timeout)
            .saturating_add(self.response_timeout);
        time
    }

    pub(crate) fn timings(&self, seed: u64) -> Timings {
        Timings {
            heartbeat: self.heartbeat,
            lease: self.lease,
            backoff_min: self.backoff_min,
            backoff_max: self.backoff_max,
            rejection_interval: self.rejection_interval,
            seed,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Cause> {
        let unusable = |what: String| Err(Cause::Settings(what.into()));
        let spelled = |c: char| c == ':' || is_in_names(c);
        if let Some(namespace) = &self.namespace
            && (namespace.is_empty() || !namespace.chars().all(spelled))
        {
            return unusable(format!(
                "namespace {namespace:?}: expected letters, digits, `:`, `-`, `_`, `.`"
            ));
        }
        if let Some(namespace) = &self.namespace
            && format!(":{namespace}:").contains(&format!(":{BESIDE_PREFIX}"))
        {
            return unusable(format!(
                "namespace {namespace:?}: keys that begin with `{BESIDE_PREFIX}` are the library's own"
            ));
        }
        #[cfg(feature = "redis")]
        if self.name.is_empty() || !self.name.chars().all(|c| c.is_ascii_graphic()) {
            return unusable(format!(
                "name {:?}: expected printable ASCII characters without spaces",
                self.name
            ));
        }
        for (what, value) in [
            ("heartbeat", self.heartbeat),
            ("first backoff", self.backoff_min),
            #[cfg(feature = "redis")]
            ("connect_timeout", self.connect_timeout),
            #[cfg(feature = "redis")]
            ("response_timeout", self.response_timeout),
        ] {
            if value.is_zero() {
                return unusable(format!("{what} of zero: expected more than zero"));
            }
        }
        for (what, value) in [
            ("heartbeat", self.heartbeat),
            ("lease", self.lease),
            ("longest backoff", self.backoff_max),
            ("rejection_interval", self.rejection_interval),
        ] {
            if value > LONGEST {
                return unusable(format!("{what} of {value:?}: expected at most a day"));
            }
        }
        if self.lease < self.heartbeat * 2 {
            return unusable(format!(
                "lease of {:?}: expected at least twice the heartbeat of {:?}, so that one late canary is no loss",
                self.lease, self.heartbeat
            ));
        }
        if self.backoff_max < self.backoff_min {
            return unusable(format!(
                "backoff from {:?} to {:?}: expected the first not to be the longer one",
                self.backoff_min, self.backoff_max
            ));
        }
        if self.queue.items == 0 || self.queue.bytes == 0 {
            return unusable(format!(
                "queue of {} events and {} bytes: expected more than zero of both",
                self.queue.items, self.queue.bytes
            ));
        }
        if self.max_payload == 0 {
            return unusable("max_payload of 0: expected at least 1 byte".to_owned());
        }
        Ok(())
    }
}
