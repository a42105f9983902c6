//! The options of a cache in Redis.

use std::collections::HashMap;
use std::time::Duration;

use super::entry::Loaded;
use super::keys::{GroupBy, KeyBy};
use super::policy::{OnFlush, WhileDown};
use super::scheduled_refresh::ScheduledRefresh;
use crate::cache::BuildError;
use crate::cache::limits::{check_longest, check_time};
use crate::cache::names::check_key_name;
use crate::cache::scheduled::check_scheduled;
use crate::defaults;

/// The TTL of a value.
type TtlBy<V> = Box<dyn Fn(&V) -> Duration + Send + Sync>;

pub(super) struct Options<V> {
    pub(super) ttl: Duration,
    pub(super) ttl_by: Option<TtlBy<V>>,
    pub(super) key_by: Option<KeyBy>,
    pub(super) group_by: Option<GroupBy>,
    pub(super) negative_ttls: HashMap<String, Duration>,
    /// The TTL of the memory level and the most entries in it, if there is one.
    pub(super) memory: Option<(Duration, usize)>,
    /// How long before its expiry an entry is due for a refresh.
    pub(super) refresh_ahead: Option<Duration>,
    /// What is refreshed although nobody reads it.
    pub(super) scheduled: Vec<ScheduledRefresh<V>>,
    /// The longest wait for another instance that loads.
    pub(super) load_lock: Option<Duration>,
    pub(super) lock_ttl: Duration,
    /// The longest wait for another caller in this process that loads.
    pub(super) load_wait: Duration,
    /// The longest a load may take.
    pub(super) load_timeout: Option<Duration>,
    pub(super) max_value_bytes: usize,
    pub(super) while_down: WhileDown,
    pub(super) on_flush: OnFlush,
}

impl<V> Options<V> {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            ttl_by: None,
            key_by: None,
            group_by: None,
            negative_ttls: HashMap::new(),
            memory: None,
            refresh_ahead: None,
            scheduled: Vec::new(),
            load_lock: None,
            lock_ttl: defaults::LOAD_LOCK_TTL,
            load_wait: defaults::LOAD_WAIT,
            load_timeout: None,
            max_value_bytes: defaults::MAX_VALUE_BYTES,
            while_down: WhileDown::default(),
            on_flush: OnFlush::default(),
        }
    }

    /// How long an entry lives; `None` if it must not be stored.
    pub(super) fn ttl_of(&self, loaded: &Loaded<V>) -> Option<Duration> {
        let ttl = match loaded {
            Loaded::Present(value) => {
                let own = self.ttl_by.as_ref().map_or(Duration::MAX, |by| by(value));
                self.ttl.min(own)
            }
            Loaded::Absent { category } => {
                let own = self.negative_ttls.get(&**category);
                own.copied().unwrap_or(defaults::NEGATIVE_TTL).min(self.ttl)
            }
        };
        (!ttl.is_zero()).then_some(ttl)
    }

    /// `scheduled` is how many entries are refreshed on schedule.
    pub(super) fn check(&self, cache: &str, scheduled: usize) -> Result<(), BuildError> {
        check_key_name(cache)?;
        let unusable = |what: String| Err(BuildError::new(cache, what));
        let categories = self.negative_ttls.iter();
        let negative =
            categories.map(|(category, ttl)| (format!("negative_ttl for {category:?}"), *ttl));
        let times = [
            ("TTL".to_owned(), self.ttl),
            ("lock_ttl".to_owned(), self.lock_ttl),
        ];
        for (what, time) in times.into_iter().chain(negative) {
            check_time(cache, &what, time)?;
        }
        if let Some(ahead) = self.refresh_ahead
            && (ahead.is_zero() || ahead >= self.ttl)
        {
            return unusable(format!(
                "refresh_ahead of {ahead:?}: expected more than zero and less than the TTL of {:?}",
                self.ttl
            ));
        }
        if self.refresh_ahead.is_none() && scheduled > 0 {
            let what =
                "refresh_keys without refresh_ahead: expected its loader, and when they are due";
            return unusable(what.to_owned());
        }
        check_scheduled(cache, "refresh_keys", scheduled)?;
        if let Some(limit) = self.load_timeout {
            check_time(cache, "load_timeout", limit)?;
        }
        if let Some(wait) = self.load_lock {
            check_longest(cache, "load_lock", wait)?;
        }
        if self.max_value_bytes == 0 {
            return unusable("max_value_bytes of 0: expected at least 1".to_owned());
        }
        Ok(())
    }
}
