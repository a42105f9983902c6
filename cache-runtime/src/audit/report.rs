//! The result of an audit.

use std::fmt;
use std::time::Duration;

use super::reloads::Reloads;
use super::source::Evicts;
use crate::channel::ChannelStats;
use crate::counters::{Evictions, ratio};
use crate::health::Health;
use crate::place::Place;

/// Every cache and every channel of this process, its state, and what looks wrong with it.
///
/// It is made by [`audit()`](crate::audit()) and [`Bus::audit`](crate::Bus::audit).
///
/// `Display` writes it as a table. A line has at most 100 characters, or as many as the format
/// says: `{audit:80}`. Longer words, such as names, are not cut.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(super) rows: Vec<Row>,
}

impl Audit {
    /// The caches by name, then the channels.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What looks wrong, in the order of the rows.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.rows.iter().flat_map(|row| &row.flags)
    }
}

/// A cache or a channel in an [`Audit`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Row {
    /// The cache's name, or the channel with its namespace.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Where the cache was built, or where the channel's service is.
    pub place: Place,
    /// How long an entry lives at most, or a cooldown lasts; of a snapshot, the time from one poll to the
    /// next.
    pub ttl: Option<Duration>,
    /// What bounds the cache in this process.
    pub bound: Bound,
    /// How many entries it has in this process; `None` if it keeps none here.
    pub entries: Option<u64>,
    /// Reads that found an entry, or received what another caller loaded.
    pub hits: u64,
    /// The other reads.
    pub misses: u64,
    /// How many entries have left its memory, by cause; `None` if that is not counted.
    pub evictions: Option<Evictions>,
    /// The channels whose events evict from the cache, or have it loaded again.
    pub evicted_by: Vec<EvictedBy>,
    /// What several instances mean for it.
    pub risk: Risk,
    /// The reason for the risk.
    pub why: String,
    /// Its state at the time of the audit.
    pub state: State,
    /// The loads that no reader waits for, if there are such.
    pub reloads: Option<Reloads>,
    /// For channels only: what passes through.
    pub channel: Option<Traffic>,
    /// What looks wrong.
    pub flags: Vec<Flag>,
}

impl Row {
    /// The share of reads that found an entry, from 0 to 1; `None` if there were no reads.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        ratio(self.hits, self.misses)
    }
}

/// A channel whose events evict from a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvictedBy {
    /// The channel, with its namespace.
    pub channel: String,
    /// Its events, and what each has evicted.
    pub events: Vec<Evicts>,
}

/// What passes through a channel, on all buses of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// The service's path.
    pub service: &'static str,
    /// The names of its events on the wire.
    pub events: Vec<&'static str>,
    /// The event that flushes.
    pub all: &'static str,
    /// The names of the caches that its events evict from.
    pub caches: Vec<String>,
    /// Inline subscribers, handlers and streams.
    pub subscribers: usize,
    /// What has happened in the channel.
    pub stats: ChannelStats,
}

/// What a row of an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A [`CoherentCache`](crate::CoherentCache).
    Coherent,
    /// A [`Snapshot`](crate::Snapshot).
    Snapshot,
    /// A [`RedisCache`](crate::RedisCache) with `evict_on`.
    CoherentRedis,
    /// A [`RedisCache`](crate::RedisCache) that no event evicts from.
    Redis,
    /// A [`TtlCache`](crate::TtlCache).
    Ttl,
    /// A [`Dedup`](crate::Dedup).
    Dedup,
    /// A [`Cooldown`](crate::Cooldown).
    Cooldown,
    /// A [`RedisCooldown`](crate::RedisCooldown).
    RedisCooldown,
    /// A service, with its channel.
    Channel,
}

impl Kind {
    /// As it is written: `coherent redis`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coherent => "coherent",
            Self::Snapshot => "snapshot",
            Self::CoherentRedis => "coherent redis",
            Self::Redis => "redis",
            Self::Ttl => "ttl",
            Self::Dedup => "dedup",
            Self::Cooldown => "cooldown",
            Self::RedisCooldown => "redis cooldown",
            Self::Channel => "channel",
        }
    }
}

/// What bounds a cache in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// This many entries.
    Entries(u64),
    /// This weight, in the user's own unit.
    Weight(u64),
    /// It keeps nothing in memory, and its entries in Redis end with their TTL.
    Ttl,
    /// There is nothing to bound.
    None,
}

/// The risk for a cache of running a service in several instances, from best to worst.
///
/// | kind | risk | because |
/// |---|---|---|
/// | coherent | none | events evict changed values on every instance |
/// | snapshot with events | none | after an event, every instance loads it again |
/// | snapshot without events | minor | an instance may be behind by up to the interval of its polls |
/// | snapshot whose loads fail | critical | it is read although an event has made it stale |
/// | redis, coherent redis | none | all instances share Redis |
/// | redis with a memory level | minor | the memory of one instance may be behind Redis |
/// | dedup, redis cooldown | none | Redis decides for all instances |
/// | channel | none | it carries events and keeps nothing |
/// | ttl | minor | an instance may be behind by up to the TTL |
/// | cooldown | minor | each instance has its own: `n` instances allow `n` times as much |
/// | coherent, or snapshot, in the state [`Unproven`](State::Unproven) | critical | its values may be stale |
///
/// A coherent cache that bypasses is slow but correct: its risk stays none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Risk {
    /// Several instances behave like one.
    None,
    /// Instances may differ, which is harmless if the right kind of cache was chosen.
    Minor,
    /// Instances may differ although they must not.
    Critical,
}

impl Risk {
    /// As it is written: `none`, `minor`, `critical`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minor => "minor",
            Self::Critical => "critical",
        }
    }
}

/// The state of a cache or a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It works: events are proven to arrive, or Redis has answered the last request.
    Live,
    /// Reads go past the cache to their loader and store nothing, or past its memory to Redis. The
    /// text is the reason.
    Bypassing(String),
    /// Reads are served although events are not proven to arrive, as the cache's builder allows.
    /// The text says why they are not proven to arrive.
    Unproven(String),
    /// It fails, or its channel is not live. The text is the reason.
    Down(String),
    /// It needs no bus and no server.
    Local,
    /// The channel has no subscribers.
    Idle,
    /// No bus of this process has the channel: its service is declared but not built.
    Unused,
}

impl State {
    /// The state of a coherent cache, by the health of its channels and whether it serves values
    /// while they are not live.
    pub(crate) fn of(health: &Health, serves: bool) -> Self {
        match (health, serves) {
            (Health::Live | Health::LiveAmongInstances, _) => Self::Live,
            (_, true) => Self::Unproven(why(health)),
            (_, false) => Self::Bypassing(why(health)),
        }
    }

    /// As it is written, without the reason: `live`, `bypassing`, `unproven`, `down`, `local`,
    /// `idle`, `unused`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Bypassing(_) => "bypassing",
            Self::Unproven(_) => "unproven",
            Self::Down(_) => "down",
            Self::Local => "local",
            Self::Idle => "idle",
            Self::Unused => "unused",
        }
    }

    /// Why it is not live, if it should be.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Bypassing(why) | Self::Unproven(why) | Self::Down(why) => Some(why),
            Self::Live | Self::Local | Self::Idle | Self::Unused => None,
        }
    }
}

/// Why a channel is not live.
pub(super) fn why(health: &Health) -> String {
    match health {
        Health::Down(cause) => cause.to_string(),
        Health::Closed => "the bus is closed".to_owned(),
        Health::Connecting => "the bus is connecting".to_owned(),
        Health::Idle | Health::Live | Health::LiveAmongInstances => health.to_string(),
    }
}

/// Something that looks wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flag {
    /// The name of the row.
    pub about: String,
    /// How bad it is: minor or critical.
    pub risk: Risk,
    /// What was found, and what to do.
    pub text: String,
}

/// `critical: about: text`
impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { about, risk, text } = self;
        write!(f, "{}: {about}: {text}", risk.as_str())
    }
}

macro_rules! display_as_str {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

display_as_str!(Kind, Risk);

/// The state, and the reason after a colon.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        self.reason().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}
