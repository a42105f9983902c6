//! The settings of a coherent cache.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::CoherentCache;
use super::evict::subscribe;
use super::policy::WhileDown;
use super::proof::Proof;
use super::shared::Shared;
use crate::audit;
use crate::cache::error::{BuildError, LoadTimedOut};
use crate::cache::evict::Evict;
use crate::cache::memory::{
    Capacity, Engine, Handle, Loaders, Options, Reclaiming, common_setters, failure_setters,
    negative_setter, refresh_setter,
};
use crate::clock::ManualClock;
use crate::defaults;
use crate::event::InvalidationEvent;
use crate::service::{Invalidator, Subscription};
use crate::sync::Mutex;

/// Settings of a [`CoherentCache`].
///
/// `E` says whether [`evict_on`](Self::evict_on) was called. Without it, no cache can be built.
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<K: Hash + Eq, V: Clone, E = NoEvents> {
    options: Options<K, V>,
    loaders: Loaders<K, V>,
    plan: Plan<K, V>,
    state: PhantomData<E>,
}

/// The settings that only coherent caches have.
struct Plan<K: Hash + Eq, V: Clone> {
    name: String,
    place: &'static Location<'static>,
    policy: WhileDown,
    evicting: Vec<Evicting<K, V>>,
}

/// The state of a builder before the first `evict_on`.
#[derive(Debug)]
pub enum NoEvents {}
/// The state of a builder after an `evict_on`.
#[derive(Debug)]
pub enum WithEvents {}

/// The state of a builder that may build a cache.
#[diagnostic::on_unimplemented(
    message = "a coherent cache cannot be built without an event that evicts from it",
    label = "no `evict_on` was given before this",
    note = "add `.evict_on(&service, |event| match event {{ .. }})`, or use a `TtlCache` if staleness does no harm"
)]
pub trait HasEvents: sealed::Sealed {}
impl HasEvents for WithEvents {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::WithEvents {}
}

/// One `evict_on`: the proof of its channel, and how to subscribe once there is a cache.
struct Evicting<K: Hash + Eq, V: Clone> {
    proof: Proof,
    subscribe: Subscribe<K, V>,
}

type Subscribe<K, V> = Box<dyn FnOnce(Weak<Shared<K, V>>) -> Subscription>;

impl<K, V> CoherentCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Settings of a cache whose entries live for `ttl` at most, counted from the beginning of
    /// their load.
    ///
    /// Audits and errors show the name. The cache needs at least one
    /// [`evict_on`](Builder::evict_on).
    ///
    /// The TTL bounds staleness that no event ends, such as that of a change whose publisher
    /// crashed before it published.
    #[track_caller]
    pub fn builder(name: &str, ttl: Duration) -> Builder<K, V> {
        Builder {
            options: Options::new(ttl, Capacity::Entries(defaults::MAX_ENTRIES)),
            loaders: Loaders::new(),
            plan: Plan {
                name: name.into(),
                place: Location::caller(),
                policy: WhileDown::default(),
                evicting: Vec::new(),
            },
            state: PhantomData,
        }
    }
}

impl<K, V, E> Builder<K, V, E>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Evicts what `evict` returns for each event of a service's channel.
    ///
    /// It may be called for several services. Match the event exhaustively: then the compiler asks
    /// what a new variant evicts. The event that says that everything is stale evicts everything,
    /// whatever `evict` returns for it.
    ///
    /// A cache whose loader reads other caches has to name every channel that evicts from those. It
    /// may be built before or after them.
    ///
    /// `evict` is called by publishers and by the task that receives events, possibly at the same
    /// time. It must be quick and must not block. If it panics, everything is evicted.
    pub fn evict_on<Event: InvalidationEvent>(
        mut self,
        service: &Invalidator<Event>,
        evict: impl Fn(&Event) -> Evict<K> + Send + Sync + 'static,
    ) -> Builder<K, V, WithEvents> {
        let proof = Proof::new(service);
        self.options.barriers.add(Invalidator::barrier(service));
        #[cfg(feature = "testing")]
        self.options.drive(Invalidator::driver(service));
        let counts = proof.source().counts();
        let service = service.clone();
        self.plan.evicting.push(Evicting {
            proof,
            subscribe: Box::new(move |cache| subscribe(cache, &service, evict, counts)),
        });
        Builder {
            options: self.options,
            loaders: self.loaders,
            plan: self.plan,
            state: PhantomData,
        }
    }

    /// What to do while events are not proven to arrive; [`WhileDown::Bypass`] by default.
    pub fn while_down(mut self, policy: WhileDown) -> Self {
        self.plan.policy = policy;
        self
    }

    /// Returns the old entry where a loader fails, if it expired no longer than `age` ago; off by
    /// default.
    ///
    /// No event has evicted such an entry, but it is older than the TTL. `age` adds to the
    /// staleness that the TTL bounds.
    pub fn stale_on_error(mut self, age: Duration) -> Self {
        self.options.stale_on_error = age;
        self.options.outages.clear();
        self
    }

    failure_setters!();

    refresh_setter!();

    common_setters!("defaults::MAX_ENTRIES");

    /// Builds the cache, and subscribes it to the events that evict from it.
    ///
    /// Its entries are served as soon as events are proven to arrive: `bus.ready().await?` waits
    /// for that.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the error names the cache and the setting.
    pub fn build(self) -> Result<CoherentCache<K, V>, BuildError>
    where
        E: HasEvents,
        K: fmt::Debug,
    {
        let Plan {
            name,
            place,
            policy,
            evicting,
        } = self.plan;
        self.options.check(&name)?;
        let (proofs, subscribe): (Vec<_>, Vec<_>) = evicting
            .into_iter()
            .map(|evicting| (evicting.proof, evicting.subscribe))
            .unzip();
        let name: Arc<str> = name.into();
        let shared = Arc::new(Shared {
            place,
            engine: Engine::new(&name, self.options),
            name,
            proofs: proofs.into(),
            policy,
            reclaiming: Reclaiming::default(),
            subscriptions: Mutex::default(),
        });
        let subscriptions = subscribe
            .into_iter()
            .map(|subscribe| subscribe(Arc::downgrade(&shared)))
            .collect();
        *shared.subscriptions.lock() = subscriptions;
        let handle = Handle::start(&shared, self.loaders, Shared::unsubscribe);
        audit::enroll(&handle);
        Ok(CoherentCache { shared, handle })
    }
}

impl<K, T, E> Builder<K, Option<T>, E>
where
    K: Hash + Eq + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    negative_setter!();
}

impl<K: Hash + Eq, V: Clone, E> fmt::Debug for Builder<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.plan.name)
            .field("ttl", &self.options.ttl)
            .field("while_down", &self.plan.policy)
            .finish_non_exhaustive()
    }
}
