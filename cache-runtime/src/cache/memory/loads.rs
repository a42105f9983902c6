//! What tasks that load for a cache ask of it.

use std::hash::Hash;

use super::engine::Engine;
use crate::driver::Driver;

/// A cache that tasks load for.
pub(crate) trait Loads: Send + Sync + 'static {
    type Key: Hash + Eq + Send + Sync;
    type Value: Clone + Send + Sync;

    fn engine(&self) -> &Engine<Self::Key, Self::Value>;

    /// Whether it may be read.
    fn is_open(&self) -> bool;

    /// Waits until it may be read.
    fn until_open(&self, driver: &Driver) -> impl Future<Output = ()> + Send;
}
