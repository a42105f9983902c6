//! Loading an entry in two steps.

use std::fmt;
use std::hash::Hash;

use super::shared::Shared;
use crate::cache::error::NotStored;
use crate::cache::key::LoadKey;
use crate::cache::memory::LoneLoad;
use crate::counters::Timer;

/// The right to store an entry, taken before its value is loaded.
///
/// Dropping the token leaves nothing behind.
#[must_use = "a token does nothing until a value is stored with it"]
pub struct LoadToken<'a, K: Hash + Eq, V: Clone> {
    shared: &'a Shared<K, V>,
    load: LoneLoad<'a, K, V>,
    _timer: Timer<'a>,
}

impl<'a, K, V> LoadToken<'a, K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new<Q>(shared: &'a Shared<K, V>, key: &Q) -> Self
    where
        Q: LoadKey<K> + ?Sized,
    {
        let load = shared.engine.begin_load(key, shared.storing());
        Self {
            shared,
            load,
            _timer: shared.engine.durations().begin(),
        }
    }

    /// Stores the value, unless it may have become outdated since the token was taken.
    ///
    /// # Errors
    ///
    /// When the value is not stored; [`NotStored`] says why. The caller may still use it to answer
    /// a request that came before the token was taken.
    pub fn store(self, value: V) -> Result<(), NotStored> {
        if !self.shared.is_open() {
            return Err(NotStored::Bypassed);
        }
        self.load.store(value)
    }
}

impl<K: Hash + Eq, V: Clone> fmt::Debug for LoadToken<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadToken")
            .field("cache", &self.shared.name)
            .finish_non_exhaustive()
    }
}
