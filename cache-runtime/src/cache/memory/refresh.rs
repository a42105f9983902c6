//! Loading an entry on schedule: a load that replaces what is there.

use std::fmt::Display;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::warn;

use super::due::Due;
use super::engine::Engine;
use super::load::Storing;
use super::options::Options;
use super::turn::{Caller, Led, Turn, error_of, failed_with};
use crate::cache::caught::Caught;
use crate::cache::error::NotStored;
use crate::cache::scheduled::PANICKED;
use crate::counters::count;
use crate::wire::Prose;

/// How a load on schedule has ended.
pub(super) enum Refreshed {
    Stored,
    /// An eviction has overtaken it, or the caches of a channel were being told of an event.
    Overtaken,
    /// The cache may not be read any more.
    Bypassed,
    Failed(String),
}

/// Whether the cache may be read.
pub(super) type IsOpen<'a> = &'a (dyn Fn() -> bool + Sync);

/// Loads entries with the loader of the user, whose types only this knows.
pub(super) trait Refresh<K, V>: Send + Sync {
    fn refresh<'a>(
        &'a self,
        engine: &'a Engine<K, V>,
        key: &'a K,
        is_open: IsOpen<'a>,
    ) -> BoxFuture<'a, Refreshed>;
}

struct With<L, E> {
    loader: L,
    error: PhantomData<fn() -> E>,
}

impl<K, V, L, F, E> Refresh<K, V> for With<L, E>
where
    K: Hash + Eq + Clone + Send + Sync,
    V: Clone + Send + Sync,
    L: Fn(K) -> F + Send + Sync,
    F: Future<Output = Result<V, E>> + Send,
    E: Display + Send + Sync + 'static,
{
    fn refresh<'a>(
        &'a self,
        engine: &'a Engine<K, V>,
        key: &'a K,
        is_open: IsOpen<'a>,
    ) -> BoxFuture<'a, Refreshed> {
        Box::pin(async move {
            let storing = || Storing::when(is_open());
            let turn = engine.turn_of(key, &storing, failed_with::<E>, Caller::Refresh);
            let stored = match turn.await {
                // A reader has loaded it meanwhile.
                Turn::Value(_) if engine.contains(key) => Ok(()),
                Turn::Value(_) => Err(NotStored::Evicted),
                Turn::Failed(failure) => {
                    let error = error_of::<E>(failure);
                    engine.refresh_failed(key, &*error);
                    return Refreshed::Failed(error.to_string());
                }
                Turn::Lead(lead) => {
                    let loader = || (self.loader)(key.clone());
                    let loading = engine.lead(key, lead, Caller::Refresh, is_open, None, loader);
                    match engine.in_time(loading).await {
                        Ok(Led::Loaded(_, stored)) => stored,
                        Ok(Led::Failed(error, _)) => return Refreshed::Failed(error.to_string()),
                        Err(late) => return Refreshed::Failed(late),
                    }
                }
            };
            match stored {
                Ok(()) => Refreshed::Stored,
                Err(NotStored::Evicted) => Refreshed::Overtaken,
                Err(NotStored::Bypassed) => Refreshed::Bypassed,
                Err(why) => Refreshed::Failed(why.to_string()),
            }
        })
    }
}

/// The loaders of the entries that are loaded on schedule, one for each.
pub(crate) struct Loaders<K, V>(Vec<Arc<dyn Refresh<K, V>>>);

impl<K, V> Loaders<K, V> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Loads these keys with one loader.
    pub(crate) fn add<L, F, E>(
        &mut self,
        options: &mut Options<K, V>,
        every: Duration,
        keys: impl IntoIterator<Item = K>,
        loader: L,
    ) where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        L: Fn(K) -> F + Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
        E: Display + Send + Sync + 'static,
    {
        let error = PhantomData::<fn() -> E>;
        let loader: Arc<dyn Refresh<K, V>> = Arc::new(With { loader, error });
        options
            .due
            .extend(keys.into_iter().map(|key| Due::new(key, every)));
        self.0.resize(options.due.len(), loader);
    }

    /// In the order of the entries.
    pub(super) fn all(self) -> impl Iterator<Item = Arc<dyn Refresh<K, V>>> {
        self.0.into_iter()
    }
}

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    /// Loads an entry and replaces it. Waits for other loads as long as readers do. The loader may
    /// panic.
    ///
    /// # Cancel safety
    ///
    /// As [`load`](Self::load).
    pub(super) async fn refresh(
        &self,
        entry: &Due<K>,
        loader: &dyn Refresh<K, V>,
        is_open: impl Fn() -> bool + Send + Sync,
    ) -> Refreshed
    where
        K: Send + Sync,
        V: Send + Sync,
    {
        let key = &entry.scheduled.key;
        let refresh = loader.refresh(self, key, &is_open);
        let refreshed = Caught::new(refresh).await;
        let refreshed = refreshed.unwrap_or_else(|| Refreshed::Failed(PANICKED.to_owned()));
        if let Refreshed::Failed(error) = &refreshed
            && let Some(skipped) = self.logs.refreshes.admit()
        {
            let key = (self.show)(key);
            warn!(
                cache = %self.name, key = %Prose(&key), error = %Prose(error), skipped,
                "an entry could not be loaded on schedule; an old one, if there is one, is served until \
                 its TTL"
            );
        }
        refreshed
    }

    /// Gives the own load up after the limit for loads on schedule. The error says so. What was waited
    /// for before does not count: another load that hangs must not keep this one from beginning.
    async fn in_time<T>(&self, load: impl Future<Output = T>) -> Result<T, String> {
        let limit = self.options.refresh_limit();
        let loaded = self.schedule_driver().timeout(limit, load).await;
        loaded.map_err(|_| {
            count(&self.counters.hung_loads);
            format!("it takes longer than {limit:?}")
        })
    }
}
