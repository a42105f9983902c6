//! What a cache in Redis goes by.

use std::collections::HashMap;
use std::time::Duration;

use super::entry::Fetched;
use crate::cache::BuildError;
use crate::defaults;

/// More than this is a mistake.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What a fetch does while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RedisAway {
    /// It goes on without Redis: the value is fetched, and kept in memory if there is such a level.
    /// What Redis says is logged, at most once a second, and counted.
    #[default]
    FetchWithout,
    /// It fails, for sources that do not bear the load of all instances.
    Fail,
}

/// What a coherent cache does with Redis after events may have been lost. Memory is emptied in any
/// case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AfterLoss {
    /// Nothing. Whoever publishes through a program that has built this cache has deleted in Redis
    /// before the event left; so what was lost on its way to this instance was deleted all the same.
    #[default]
    KeepRedis,
    /// Everything is evicted in Redis too, and Redis is not read while events are not proven to
    /// arrive. That is also so when an instance starts. For channels with publishers that only publish, such as services in another language:
    /// what they publish while no instance hears it would stay in Redis until its TTL.
    EvictRedis,
}

/// A TTL of its own for each value.
type TtlBy<V> = Box<dyn Fn(&V) -> Duration + Send + Sync>;

pub(super) struct Settings<V> {
    pub(super) ttl: Duration,
    pub(super) ttl_by: Option<TtlBy<V>>,
    pub(super) negative_ttls: HashMap<String, Duration>,
    /// The TTL and the most entries of the memory level, if there is one.
    pub(super) memory: Option<(Duration, usize)>,
    pub(super) refresh_ahead: Option<Duration>,
    pub(super) fetch_lock: Option<Duration>,
    pub(super) lock_ttl: Duration,
    pub(super) max_value_bytes: usize,
    pub(super) redis_away: RedisAway,
    pub(super) after_loss: AfterLoss,
}

impl<V> Settings<V> {
    pub(super) fn new() -> Self {
        Self {
            ttl: Duration::ZERO,
            ttl_by: None,
            negative_ttls: HashMap::new(),
            memory: None,
            refresh_ahead: None,
            fetch_lock: None,
            lock_ttl: defaults::LOAD_LOCK_TTL,
            max_value_bytes: defaults::MAX_VALUE_BYTES,
            redis_away: RedisAway::default(),
            after_loss: AfterLoss::default(),
        }
    }

    /// How long an entry lives; `None` if it is not to be stored.
    pub(super) fn ttl_of(&self, fetched: &Fetched<V>) -> Option<Duration> {
        let ttl = match fetched {
            Fetched::Found(value) => {
                let own = self.ttl_by.as_ref().map_or(Duration::MAX, |by| by(value));
                self.ttl.min(own)
            }
            Fetched::Absent { category } => {
                let own = self.negative_ttls.get(&**category);
                own.copied().unwrap_or(defaults::NEGATIVE_TTL).min(self.ttl)
            }
        };
        (!ttl.is_zero()).then_some(ttl)
    }

    pub(super) fn check(&self, cache: &str) -> Result<(), BuildError> {
        let unusable = |what: String| Err(BuildError::new(cache, what));
        let spelled = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if cache.is_empty() || !cache.chars().all(spelled) {
            return unusable(format!(
                "name {cache:?}: expected letters, digits, `-`, `_`, `.`, as it is the first part of \
                 its keys in Redis"
            ));
        }
        let categories = self.negative_ttls.iter();
        let negative =
            categories.map(|(category, ttl)| (format!("negative TTL {category:?}"), *ttl));
        let times = [
            ("TTL".to_owned(), self.ttl),
            ("fetch lock's TTL".to_owned(), self.lock_ttl),
        ];
        for (what, time) in times.into_iter().chain(negative) {
            if time < Duration::from_millis(1) || time > LONGEST {
                return unusable(format!(
                    "{what} of {time:?}: expected at least a millisecond and at most a year"
                ));
            }
        }
        if let Some(ahead) = self.refresh_ahead
            && (ahead.is_zero() || ahead >= self.ttl)
        {
            return unusable(format!(
                "refresh {ahead:?} ahead: expected more than zero and less than the TTL of {:?}",
                self.ttl
            ));
        }
        if let Some(wait) = self.fetch_lock
            && wait > LONGEST
        {
            return unusable(format!(
                "wait for a fetch of {wait:?}: expected at most a year"
            ));
        }
        if self.max_value_bytes == 0 {
            return unusable("max_value_bytes of 0: expected at least 1".to_owned());
        }
        Ok(())
    }
}
