//! The settings of a coherent cache.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use super::CoherentCache;
use super::inner::Inner;
use super::proof::Proof;
use crate::audit::{self, Audited};
use crate::cache::release::Releasing;
use crate::cache::settings::{common_setters, negative_setter};
use crate::cache::{BuildError, Capacity, Engine, Evict, Settings};
use crate::channel::Notice;
use crate::clock::ManualClock;
use crate::defaults;
use crate::event::InvalidationEvent;
use crate::service::Invalidator;
use crate::service::Subscription;

/// What a coherent cache does while events are not proven to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhileDisconnected {
    /// Reads load, and store nothing.
    #[default]
    Bypass,
    /// The cache goes on for this long after the proof has ended, as if nothing was wrong, and
    /// serves what other instances may have changed meanwhile. It is emptied when events arrive
    /// again.
    ServeFor(Duration),
    /// The same for as long as it takes; the entries' TTL alone bounds how old they get.
    ServeUntilTtl,
}

/// Settings of a [`CoherentCache`].
///
/// `T` and `E` say whether a TTL and events were given: without both it cannot be built.
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<K: Hash + Eq, V: Clone, T, E> {
    settings: Settings<V>,
    plan: Plan<K, V>,
    state: PhantomData<(T, E)>,
}

/// What only coherent caches are set to.
struct Plan<K: Hash + Eq, V: Clone> {
    name: String,
    place: &'static Location<'static>,
    policy: WhileDisconnected,
    evicting: Vec<Evicting<K, V>>,
}

/// No TTL was given yet.
#[derive(Debug)]
pub enum NoTtl {}
/// A TTL was given.
#[derive(Debug)]
pub enum WithTtl {}
/// No events evict from the cache yet.
#[derive(Debug)]
pub enum NoEvents {}
/// Events evict from the cache.
#[derive(Debug)]
pub enum WithEvents {}

/// A cache has a TTL.
#[diagnostic::on_unimplemented(
    message = "a coherent cache cannot be built without a TTL",
    label = "no TTL was given before this",
    note = "add `.ttl(Duration::from_secs(..))`: it bounds what no event can evict, such as a publisher's crash"
)]
pub trait HasTtl: sealed::Sealed {}
impl HasTtl for WithTtl {}

/// Events evict from a cache.
#[diagnostic::on_unimplemented(
    message = "a coherent cache cannot be built without an event that evicts from it",
    label = "no `evict_on` was given before this",
    note = "add `.evict_on(&service, |event| match event {{ .. }})`, or use a `TtlCache` if staleness does no harm"
)]
pub trait HasEvents: sealed::Sealed {}
impl HasEvents for WithEvents {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::WithTtl {}
    impl Sealed for super::WithEvents {}
}

/// One `evict_on`: how its channel is proven, and how to subscribe once there is a cache.
struct Evicting<K: Hash + Eq, V: Clone> {
    proof: Proof,
    subscribe: Subscribe<K, V>,
}

type Subscribe<K, V> = Box<dyn FnOnce(Weak<Inner<K, V>>) -> Subscription>;

impl<K: Hash + Eq, V: Clone> Builder<K, V, NoTtl, NoEvents> {
    pub(super) fn new(name: String, place: &'static Location<'static>) -> Self {
        Self {
            settings: Settings::new(Duration::ZERO, Capacity::Entries(defaults::MAX_ENTRIES)),
            plan: Plan {
                name,
                place,
                policy: WhileDisconnected::default(),
                evicting: Vec::new(),
            },
            state: PhantomData,
        }
    }
}

impl<K, V, T, E> Builder<K, V, T, E>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The longest that an entry lives, counted from the beginning of its load.
    pub fn ttl(mut self, ttl: Duration) -> Builder<K, V, WithTtl, E> {
        self.settings.ttl = ttl;
        self.in_state()
    }

    /// Evicts what `evict` says of every event of a service's channel; may be called for several
    /// services. Match the event exhaustively: then the compiler asks what a new variant evicts.
    ///
    /// It is called by the task that receives events, and by publishers, possibly at the same time,
    /// so it must be quick and must not block. If it panics, everything is evicted.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, if the bus was built outside of one too.
    pub fn evict_on<Event: InvalidationEvent>(
        mut self,
        service: &Invalidator<Event>,
        evict: impl Fn(&Event) -> Evict<K> + Send + Sync + 'static,
    ) -> Builder<K, V, T, WithEvents> {
        let runtime = Invalidator::runtime(service);
        let proof = Proof::new(service);
        // A load that is older may be older than an eviction that nobody here has heard of.
        let share = &mut self.settings.share_bypassed;
        *share = proof.lease().min(*share);
        let counts = proof.source().counts();
        let service = service.clone();
        let subscribe = move |cache: Weak<Inner<K, V>>| {
            let apply = move |notice: Notice<'_, Event>| {
                let Some(cache) = cache.upgrade() else { return };
                match notice {
                    Notice::Event(event) | Notice::Published(event) => {
                        let evict = evict(event);
                        counts.record(event.variant(), !matches!(evict, Evict::Nothing));
                        cache.evict(&evict, || runtime.clone());
                    }
                    Notice::Flush => cache.evict(&Evict::All, || runtime.clone()),
                    // Another policy reads on, until `Stale` follows.
                    Notice::Down if cache.policy == WhileDisconnected::Bypass => {
                        cache.evict(&Evict::All, || runtime.clone());
                    }
                    Notice::Down => {}
                }
            };
            Invalidator::attach(&service, "cache", apply)
        };
        self.plan.evicting.push(Evicting {
            proof,
            subscribe: Box::new(subscribe),
        });
        self.in_state()
    }

    fn in_state<T2, E2>(self) -> Builder<K, V, T2, E2> {
        Builder {
            settings: self.settings,
            plan: self.plan,
            state: PhantomData,
        }
    }

    /// What to do while events are not proven to arrive; [`WhileDisconnected::Bypass`] by default.
    pub fn while_disconnected(mut self, policy: WhileDisconnected) -> Self {
        self.plan.policy = policy;
        self
    }

    /// Returns an entry that has expired no longer than `age` ago where its loader fails. It was not
    /// evicted, but the TTL that is to bound how old it gets no longer does: hence the name.
    pub fn stale_on_error_despite_coherence(mut self, age: Duration) -> Self {
        self.settings.stale_on_error = age;
        self
    }

    common_setters!();

    /// The cache, subscribed to the events that evict from it. It may be read as soon as they are
    /// proven to arrive: `bus.ready().await?` waits for that.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the error names the cache and the setting.
    pub fn build(self) -> Result<CoherentCache<K, V>, BuildError>
    where
        T: HasTtl,
        E: HasEvents,
    {
        let Plan {
            name,
            place,
            policy,
            evicting,
        } = self.plan;
        self.settings.check(&name)?;
        let (proofs, subscribe): (Vec<_>, Vec<_>) = evicting
            .into_iter()
            .map(|evicting| (evicting.proof, evicting.subscribe))
            .unzip();
        let inner = Arc::new(Inner {
            name: name.into(),
            place,
            engine: Engine::new(self.settings),
            proofs: proofs.into(),
            policy,
            releasing: Releasing::default(),
            subscriptions: OnceLock::new(),
        });
        let subscriptions = subscribe
            .into_iter()
            .map(|subscribe| subscribe(Arc::downgrade(&inner)))
            .collect();
        // It is set once, here.
        let _ = inner.subscriptions.set(subscriptions);
        audit::enroll(Arc::downgrade(&inner) as Weak<dyn Audited>);
        Ok(CoherentCache { inner })
    }
}

impl<K, T, S, E> Builder<K, Option<T>, S, E>
where
    K: Hash + Eq + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    negative_setter!();
}

impl<K: Hash + Eq, V: Clone, T, E> fmt::Debug for Builder<K, V, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.plan.name)
            .field("ttl", &self.settings.ttl)
            .field("while_disconnected", &self.plan.policy)
            .finish_non_exhaustive()
    }
}
