//! What the handles of a cache share.

use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;

use crate::audit::{Audited, Described};
use crate::cache::memory::Engine;

pub(super) struct Shared<K: Hash + Eq, V: Clone> {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) engine: Engine<K, V>,
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
