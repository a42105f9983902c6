//! The entries that are refreshed on schedule.

use std::borrow::Borrow;

use super::load_ahead::{LoadAhead, PendingLoad};
use super::redis_key::{RedisKey, Texts};
use crate::cache::scheduled::Scheduled;

/// An entry that is refreshed on schedule.
pub(super) struct ScheduledRefresh<V> {
    pub(super) entry: Scheduled<String>,
    /// Makes its load.
    pub(super) load: Box<dyn Fn() -> PendingLoad<V> + Send + Sync>,
}

impl<V: 'static> ScheduledRefresh<V> {
    pub(super) fn new<K>(key: K::Owned, load_ahead: LoadAhead<V, K>) -> Self
    where
        K: RedisKey + ?Sized,
    {
        let text = K::Texts::text(key.borrow()).to_owned();
        Self {
            entry: Scheduled::new(text),
            load: Box::new(move || load_ahead(key.borrow())),
        }
    }
}
