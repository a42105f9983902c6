//! What the handles of a coherent cache share.

use std::hash::Hash;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use equivalent::Equivalent;
use tokio::runtime;

use super::WhileDisconnected;
use super::proof::Proof;
use crate::audit::{Audited, Described, Kind, Source, State};
use crate::cache::release::{Releases, Releasing};
use crate::cache::{Engine, Evict, Storing};
use crate::clock::Nanos;
use crate::health::Health;
use crate::service::Subscription;

pub(super) struct Inner<K: Hash + Eq, V: Clone> {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) engine: Engine<K, V>,
    pub(super) proofs: Box<[Proof]>,
    pub(super) policy: WhileDisconnected,
    pub(super) releasing: Releasing,
    /// Only dropped.
    pub(super) subscriptions: OnceLock<Vec<Subscription>>,
}

impl<K, V> Inner<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Whether the cache may be read.
    #[inline]
    pub(super) fn serves(&self, now: Nanos) -> bool {
        let clock = self.engine.clock();
        let proven = self.proofs.iter().all(|proof| proof.holds(clock, now));
        proven || self.serves_disconnected(now)
    }

    #[cold]
    pub(super) fn serves_disconnected(&self, now: Nanos) -> bool {
        let clock = self.engine.clock();
        let policy = self.policy;
        policy != WhileDisconnected::Bypass
            && (self.proofs.iter())
                .all(|proof| proof.holds(clock, now) || proof.is_dispensable(policy))
    }

    pub(super) fn storing(&self) -> Storing {
        if self.is_open() {
            Storing::Yes
        } else {
            Storing::No
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.serves(self.engine.clock().now())
    }

    pub(super) fn expired<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        if !self.is_open() {
            return None;
        }
        self.engine.get_expired(key)
    }

    pub(super) fn evict(
        self: &Arc<Self>,
        evict: &Evict<K>,
        runtime: impl FnOnce() -> runtime::Handle,
    ) {
        self.engine.evict(evict);
        if matches!(evict, Evict::All) {
            self.releasing.start(runtime, self);
        }
    }

    pub(super) fn health(&self) -> Health {
        let mut all = self.proofs.iter().map(Proof::health);
        all.find(|health| !health.is_live()).unwrap_or(Health::Live)
    }
}

impl<K, V> Audited for Inner<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn describe(&self) -> Described {
        let sources = || self.proofs.iter().map(Proof::source);
        Described {
            kind: Kind::Coherent,
            evicted_by: sources().map(Source::describe).collect(),
            state: State::of(&self.health(), self.is_open()),
            bus: sources().next().map(Source::bus),
            ..self.engine.describe(&self.name, self.place)
        }
    }
}

impl<K, V> Releases for Inner<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Key = K;
    type Value = V;

    fn engine(&self) -> (&Engine<K, V>, &Releasing) {
        (&self.engine, &self.releasing)
    }
}
