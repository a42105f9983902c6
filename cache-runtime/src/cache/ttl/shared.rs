//! What the handles of a cache share.

use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;

use crate::audit::{Audited, Described};
use crate::cache::memory::{Engine, Loads};
use crate::driver::Driver;

pub(super) struct Shared<K: Hash + Eq, V: Clone> {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) engine: Engine<K, V>,
}

impl<K, V> Loads for Shared<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Key = K;
    type Value = V;

    fn engine(&self) -> &Engine<K, V> {
        &self.engine
    }

    fn is_open(&self) -> bool {
        true
    }

    async fn until_open(&self, _: &Driver) {}
}

impl<K, V> Audited for Shared<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn describe(&self) -> Described {
        self.engine.describe(self.place)
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples) {
        self.engine.measure(crate::audit::Kind::Ttl, samples);
    }
}
