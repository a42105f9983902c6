//! Filling an entry in two steps.

use std::fmt;
use std::hash::Hash;

use equivalent::Equivalent;

use super::inner::Inner;
use crate::cache::NotStored;
use crate::cache::Reserved;

/// The right to fill an entry, taken before its value is loaded.
///
/// Dropping it leaves nothing behind.
#[must_use = "a token does nothing until it is filled"]
pub struct FillToken<'a, K: Hash + Eq, V: Clone> {
    inner: &'a Inner<K, V>,
    reserved: Reserved<'a, K, V>,
}

impl<'a, K, V> FillToken<'a, K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new<Q>(inner: &'a Inner<K, V>, key: &Q) -> Self
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let storing = inner.storing();
        let reserved = inner.engine.reserve(key, storing);
        Self { inner, reserved }
    }

    /// Stores the value, if nothing has happened since the token was taken that might make it the
    /// old one.
    ///
    /// # Errors
    ///
    /// [`NotStored`] says why it is not stored. The value may still be used for what was asked
    /// before the token was taken.
    pub fn fill(self, value: V) -> Result<(), NotStored> {
        if !self.inner.is_open() {
            return Err(NotStored::Bypassed);
        }
        self.reserved.fill(value)
    }
}

impl<K: Hash + Eq, V: Clone> fmt::Debug for FillToken<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillToken")
            .field("cache", &self.inner.name)
            .finish_non_exhaustive()
    }
}
