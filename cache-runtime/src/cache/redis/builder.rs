//! The settings of a cache in Redis.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::away::Away;
use super::background::Background;
use super::codec::{Codec, Json};
use super::coherence::{Evicting, evicting};
use super::inner::{Coherence, Inner, Logs};
use super::keys::Keys;
use super::mode::{Mode, Plain};
use super::pending::Pending;
use super::settings::{AfterLoss, RedisAway, Settings};
use super::stats::Counters;
use super::{Handle, RedisCache};
use crate::audit::{self, Audited};
use crate::bus::{self, Bus};
use crate::cache::memory::Reclaiming;
use crate::cache::memory::{Capacity, Engine, Options as EngineSettings};
use crate::cache::{BuildError, Evict};
use crate::clock::ManualClock;
use crate::event::InvalidationEvent;
use crate::keyspace::Keyspace;
use crate::service::Invalidator;

/// Settings of a [`RedisCache`].
///
/// `T` says whether a TTL was given: without one it cannot be built. `M` is the [`Mode`] that comes
/// of the settings, and `C` the codec.
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<V, T, M = Plain, C = Json> {
    settings: Settings<V>,
    plan: Plan<V>,
    codec: C,
    state: PhantomData<(T, M)>,
}

/// What has a place of its own in the cache.
struct Plan<V> {
    bus: Arc<bus::Shared>,
    kv: Keyspace,
    name: String,
    place: &'static Location<'static>,
    clock: Option<ManualClock>,
    evicting: Vec<Evicting<V>>,
}

/// No TTL was given yet.
#[derive(Debug)]
pub enum NoTtl {}
/// A TTL was given.
#[derive(Debug)]
pub enum WithTtl {}

/// A cache has a TTL.
#[diagnostic::on_unimplemented(
    message = "a cache in Redis cannot be built without a TTL",
    label = "no TTL was given before this",
    note = "add `.ttl(Duration::from_secs(..))`: nothing is to stay in Redis for ever"
)]
pub trait HasTtl: sealed::Sealed {}
impl HasTtl for WithTtl {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::WithTtl {}
}

impl<V> Builder<V, NoTtl> {
    pub(super) fn new(bus: &Bus, name: String, place: &'static Location<'static>) -> Self {
        Self {
            settings: Settings::new(),
            plan: Plan {
                bus: Arc::clone(bus.shared()),
                kv: Keyspace::new(bus),
                name,
                place,
                clock: None,
                evicting: Vec::new(),
            },
            codec: Json,
            state: PhantomData,
        }
    }
}

impl<V, T, M: Mode, C> Builder<V, T, M, C> {
    /// The longest that an entry lives in Redis, counted from when it was stored.
    pub fn ttl(mut self, ttl: Duration) -> Builder<V, WithTtl, M, C> {
        self.settings.ttl = ttl;
        self.in_state()
    }

    /// A TTL of its own for each value, where it is shorter than that of the cache. Of zero, the
    /// value is not stored.
    pub fn ttl_by(mut self, ttl_by: impl Fn(&V) -> Duration + Send + Sync + 'static) -> Self {
        self.settings.ttl_by = Some(Box::new(ttl_by));
        self
    }

    /// How long it is remembered that there is nothing, in this
    /// [category](super::Fetched::Absent); [`defaults::NEGATIVE_TTL`](crate::defaults::NEGATIVE_TTL)
    /// in categories that have none. Never longer than the TTL of the cache.
    pub fn negative_ttl(mut self, category: impl Into<String>, ttl: Duration) -> Self {
        self.settings.negative_ttls.insert(category.into(), ttl);
        self
    }

    /// Keeps up to so many entries in memory too, for at most `ttl`, and never longer than in Redis.
    /// They are read without asking Redis: where no event evicts them, other instances' changes
    /// show after that time. No such level by default.
    pub fn memory(mut self, ttl: Duration, max_entries: usize) -> Self {
        self.settings.memory = Some((ttl, max_entries));
        self
    }

    /// Lets one instance fetch an entry at a time. The others wait for it up to `wait`, asking
    /// Redis now and then, and then fetch as well. By default nobody waits for another instance.
    ///
    /// It costs a fetch one more round trip. A coherent cache makes it in any case.
    pub fn fetch_lock(mut self, wait: Duration) -> Self {
        self.settings.fetch_lock = Some(wait);
        self
    }

    /// How long a fetch may take and still keep others from fetching, and in a coherent cache, still
    /// be stored; [`defaults::LOAD_LOCK_TTL`](crate::defaults::LOAD_LOCK_TTL) by default. It is
    /// also how long the entry's lock outlives an instance that was killed while it fetched.
    pub fn lock_ttl(mut self, ttl: Duration) -> Self {
        self.settings.lock_ttl = ttl;
        self
    }

    /// Refreshes a value in the background when it is read and has less than `ahead` left, so that
    /// nobody waits for the fetch of what is read often. Once at a time among all instances.
    ///
    /// The fetch must be able to go there: its closure and its future are `'static`. What is known
    /// to be [absent](super::Fetched::Absent) is not refreshed.
    pub fn refresh_ahead(mut self, ahead: Duration) -> Builder<V, T, M::Refreshing, C> {
        self.settings.refresh_ahead = Some(ahead);
        self.in_state()
    }

    /// The most bytes of a value in Redis;
    /// [`defaults::MAX_VALUE_BYTES`](crate::defaults::MAX_VALUE_BYTES) by default. What is larger is
    /// given to its caller and not stored.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_value_bytes = bytes;
        self
    }

    /// What a fetch does while Redis is away; [`RedisAway::FetchWithout`] by default.
    pub fn when_redis_is_away(mut self, policy: RedisAway) -> Self {
        self.settings.redis_away = policy;
        self
    }

    /// What a coherent cache does with Redis after events may have been lost;
    /// [`AfterLoss::KeepRedis`] by default.
    pub fn after_loss(mut self, policy: AfterLoss) -> Self {
        self.settings.after_loss = policy;
        self
    }

    /// How values are written; [`Json`] by default.
    pub fn codec<D: Codec<V>>(self, codec: D) -> Builder<V, T, M, D> {
        Builder {
            settings: self.settings,
            plan: self.plan,
            codec,
            state: PhantomData,
        }
    }

    /// Has the memory level go by this clock, in tests. Redis goes by its own.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.plan.clock = Some(clock.clone());
        self
    }

    fn in_state<T2, M2>(self) -> Builder<V, T2, M2, C> {
        Builder {
            settings: self.settings,
            plan: self.plan,
            codec: self.codec,
            state: PhantomData,
        }
    }
}

impl<V, T, M, C> Builder<V, T, M, C>
where
    V: Clone + Send + Sync + 'static,
    M: Mode,
{
    /// Evicts what `evict` says of every event of a service's channel, in Redis and in memory; may be
    /// called for several services. Match the event exhaustively: then the compiler asks what a new
    /// variant evicts.
    ///
    /// Keys are those that entries are read by. Redis deletes by key; it cannot ask a predicate or a
    /// prefix, so those make everything that is there unreachable, in one step, while in memory they
    /// evict no more than they say. Where such events are frequent, name the keys.
    ///
    /// It is called by the task that receives events, and by publishers, possibly at the same time,
    /// so it must be quick and must not block. If it panics, everything is evicted.
    pub fn evict_on<E: InvalidationEvent>(
        mut self,
        service: &Invalidator<E>,
        evict: impl Fn(&E) -> Evict<String> + Send + Sync + 'static,
    ) -> Builder<V, T, M::Evicting, C> {
        self.plan.evicting.push(evicting(service, evict));
        self.in_state()
    }

    /// The cache. If events evict from it, it is subscribed to them; memory is read as soon as they
    /// are proven to arrive: `bus.ready().await?` waits for that.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the error names the cache and the setting.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, if the bus was built outside of one too.
    pub fn build(self) -> Result<RedisCache<V, M>, BuildError>
    where
        T: HasTtl,
        C: Codec<V>,
    {
        let (settings, plan) = (self.settings, self.plan);
        settings.check(&plan.name)?;
        // Without a memory level nothing is stored in it.
        let (memory_ttl, entries) = settings.memory.unwrap_or((settings.ttl, 1));
        let mut engine = EngineSettings::new(memory_ttl, Capacity::Entries(entries));
        engine.add_ttl_by(|cached: &super::entry::Cached<V>| cached.left);
        if let Some(clock) = &plan.clock {
            engine.set_clock(clock);
        }
        let leases = plan
            .evicting
            .iter()
            .map(|evicting| evicting.proof.lease_time());
        // A load that is older may be older than an eviction that nobody here has heard of.
        engine.share_bypassed = leases.min().unwrap_or(Duration::MAX);
        engine.check(&plan.name)?;

        let bus = plan.bus;
        let runtime = bus.runtime();
        let name: Arc<str> = plan.name.into();
        let mut subscribe = Vec::new();
        let mut proofs = Vec::new();
        for evicting in plan.evicting {
            proofs.push(evicting.proof);
            subscribe.push(evicting.subscribe);
        }
        let coherence = (!subscribe.is_empty()).then(|| Coherence {
            proofs: proofs.into(),
            pending: Pending::new(),
            patience: patience(bus.settings()),
            subscriptions: Mutex::default(),
        });
        let inner = Arc::new(Inner {
            place: plan.place,
            bus: bus.id(),
            codec: Box::new(self.codec),
            kv: plan.kv,
            keys: Arc::new(Keys::new(&name, coherence.is_some())),
            engine: Engine::new(engine),
            reclaiming: Reclaiming::default(),
            coherence,
            away: Away::default(),
            background: Background::new(runtime.clone()),
            counters: Counters::default(),
            logs: Logs::default(),
            settings,
            name,
        });
        let worker = inner.delete_in_background(&runtime);
        let weak = Arc::downgrade(&inner);
        let seats = subscribe.into_iter().flat_map(|subscribe| subscribe(&weak));
        inner.subscribe(seats.collect());
        let audited: Weak<Inner<V>> = Arc::downgrade(&inner);
        audit::enroll(audited as Weak<dyn Audited>);
        Ok(RedisCache {
            handle: Arc::new(Handle { inner, worker }),
            mode: PhantomData,
        })
    }
}

/// How long to wait for deletions: as long as for the answer to one.
fn patience(settings: &crate::settings::Settings) -> Duration {
    #[cfg(feature = "redis")]
    return settings.response_timeout;
    #[cfg(not(feature = "redis"))]
    {
        let _ = settings;
        crate::defaults::RESPONSE_TIMEOUT
    }
}

impl<V, T, M, C> fmt::Debug for Builder<V, T, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.plan.name)
            .field("ttl", &self.settings.ttl)
            .field("memory", &self.settings.memory)
            .finish_non_exhaustive()
    }
}
