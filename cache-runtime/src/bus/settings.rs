//! The settings of a bus, and the builder that takes them.

use std::fmt;
use std::time::Duration;

use crate::defaults;
use crate::health::Cause;
use crate::lane::Bounds;
use crate::link;

/// The start of the channel on which an instance hears its own canaries.
pub(crate) const CANARY_PREFIX: &str = "cache-runtime:canary:";

/// The key of the records that instances leave for each other's audits.
pub(crate) const AUDIT_KEY: &str = "cache-runtime:audit";

/// More than this is a mistake, and would overflow the arithmetic of time somewhere.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What happens when a message cannot be understood: an unknown type, as from a newer publisher,
/// or anything that is not an event of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UnknownEvents {
    /// It may have meant anything, so subscribers receive `All`: at once for the first, then at
    /// most once per interval. Counted, and logged with the reason.
    #[default]
    EvictAll,
    /// Counted and logged only. What the message was to evict stays cached until its TTL.
    Ignore,
}

/// Everything that a bus goes by, whatever carries it.
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
    pub(crate) queue: Bounds,
    pub(crate) max_payload: usize,
    pub(crate) unknown_events: UnknownEvents,
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
            queue: Bounds {
                items: defaults::QUEUE_EVENTS,
                bytes: defaults::QUEUE_BYTES,
            },
            max_payload: defaults::MAX_PAYLOAD,
            unknown_events: UnknownEvents::default(),
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
    /// A channel's name on the wire.
    pub(crate) fn full_name(&self, channel: &str) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}:{channel}"),
            None => channel.to_owned(),
        }
    }

    /// What may arrive and wait to be handled, of all channels together.
    pub(crate) fn mailbox(&self) -> Bounds {
        Bounds {
            items: defaults::MAILBOX_MESSAGES,
            bytes: defaults::MAILBOX_BYTES.max(self.max_payload.saturating_mul(2)),
        }
    }

    pub(crate) fn link(&self, seed: u64) -> link::Timings {
        link::Timings {
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
        let spelled = |c: char| c.is_ascii_alphanumeric() || ":-_.".contains(c);
        if let Some(namespace) = &self.namespace
            && (namespace.is_empty() || !namespace.chars().all(spelled))
        {
            return unusable(format!(
                "namespace {namespace:?}: expected letters, digits, `:`, `-`, `_`, `.`"
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
            ("backoff", self.backoff_min),
            #[cfg(feature = "redis")]
            ("connect timeout", self.connect_timeout),
            #[cfg(feature = "redis")]
            ("response timeout", self.response_timeout),
        ] {
            if value.is_zero() {
                return unusable(format!("{what}: expected more than zero"));
            }
        }
        for (what, value) in [
            ("heartbeat", self.heartbeat),
            ("lease", self.lease),
            ("backoff", self.backoff_max),
            ("rejection interval", self.rejection_interval),
        ] {
            if value > LONGEST {
                return unusable(format!("{what} of {value:?}: expected at most a day"));
            }
        }
        if self.lease < self.heartbeat * 2 {
            return unusable(format!(
                "lease of {:?}: expected at least two heartbeats of {:?}, so that one late canary is no loss",
                self.lease, self.heartbeat
            ));
        }
        if self.backoff_max < self.backoff_min {
            return unusable(format!(
                "backoff from {:?} to {:?}: expected the first to be the shorter",
                self.backoff_min, self.backoff_max
            ));
        }
        if self.queue.items == 0 || self.queue.bytes == 0 || self.max_payload == 0 {
            return unusable("queue and payload bounds: expected more than zero".to_owned());
        }
        Ok(())
    }
}

/// Settings of a bus, made by `Bus::redis` and [`Bus::in_process_builder`].
///
/// [`Bus::in_process_builder`]: crate::Bus::in_process_builder
#[must_use = "a builder does nothing until it is connected"]
#[derive(Clone)]
pub struct Builder {
    pub(super) target: Target,
    pub(super) settings: Settings,
}

/// What the bus is to run over.
#[derive(Clone)]
pub(super) enum Target {
    InProcess,
    /// The address, which may hold a password.
    #[cfg(feature = "redis")]
    Redis(String),
}

impl Builder {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            settings: Settings::default(),
        }
    }

    /// Puts every channel, and every key that caches keep in Redis, under a prefix: `prod` makes
    /// `prod:cache:users` of `cache:users`. None by default.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = Some(namespace.into());
        self
    }

    /// The instance's name, which `CLIENT LIST` shows for its connections: `bot-1:events` and
    /// `bot-1:publish`. By default the program's name and process id.
    #[cfg(feature = "redis")]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Time from one canary to the next; [`defaults::HEARTBEAT`] by default.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.settings.heartbeat = heartbeat;
        self
    }

    /// How long a canary proves that events arrive; [`defaults::LEASE`] by default, and at least two
    /// heartbeats. A silent loss is noticed within this time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Waits between attempts to reconnect: the first, doubled with each attempt, and the longest;
    /// each shortened by up to a half, so that instances do not come in step.
    /// [`defaults::BACKOFF_MIN`] and [`defaults::BACKOFF_MAX`] by default.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff_min = first;
        self.settings.backoff_max = longest;
        self
    }

    /// Longest time to connect, log-in included; [`defaults::CONNECT_TIMEOUT`] by default.
    #[cfg(feature = "redis")]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Longest time to wait for the server's answer to a command; [`defaults::RESPONSE_TIMEOUT`] by
    /// default.
    #[cfg(feature = "redis")]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.settings.response_timeout = timeout;
        self
    }

    /// What may wait for one handler, in events and in bytes, before it turns into one `All`;
    /// [`defaults::QUEUE_EVENTS`] and [`defaults::QUEUE_BYTES`] by default.
    pub fn queue(mut self, events: usize, bytes: usize) -> Self {
        self.settings.queue = Bounds {
            items: events,
            bytes,
        };
        self
    }

    /// Longest payload in bytes, sent or received; [`defaults::MAX_PAYLOAD`] by default.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.settings.max_payload = bytes;
        self
    }

    /// What to do with messages that cannot be understood; [`UnknownEvents::EvictAll`] by default.
    pub fn unknown_events(mut self, policy: UnknownEvents) -> Self {
        self.settings.unknown_events = policy;
        self
    }

    /// Least time between two `All` events on account of messages that cannot be understood;
    /// [`defaults::REJECTION_INTERVAL`] by default.
    pub fn rejection_interval(mut self, interval: Duration) -> Self {
        self.settings.rejection_interval = interval;
        self
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
