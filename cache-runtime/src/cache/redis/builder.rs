//! The settings of a cache in Redis.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::RedisCache;
use super::background::Background;
use super::breaker::Breaker;
use super::codec::{Codec, Json};
use super::entry::Cached;
use super::evict::Sources;
use super::handle::Handle;
use super::keys::Keys;
use super::load_ahead::LoadAhead;
use super::mode::{Coherent, Plain};
use super::options::Options;
use super::policy::{OnFlush, WhileDown};
use super::redis_key::{RedisKey, Texts};
use super::scheduled_refresh::ScheduledRefresh;
use super::shared::{Logs, Shared};
use super::stats::Counters;
use crate::audit;
use crate::bus::{self, Bus};
use crate::cache::claims::Claim;
use crate::cache::evict::evicting;
use crate::cache::memory::{Capacity, Engine, Options as EngineOptions, Reclaiming};
use crate::cache::{BuildError, Evict};
use crate::clock::ManualClock;
use crate::event::InvalidationEvent;
use crate::keyspace::Keyspace;
use crate::service::Invalidator;

/// Settings of a [`RedisCache`].
///
/// `M` says whether events evict from the cache; `C` is the codec; [`K`](Self::key_type) is the type of
/// its keys.
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<V, M = Plain, C = Json, K: RedisKey + ?Sized = str> {
    pub(super) options: Options<V>,
    /// Loads entries ahead of their expiry.
    pub(super) load_ahead: Option<LoadAhead<V, K>>,
    /// The keys of the entries that are refreshed on schedule.
    pub(super) scheduled: Vec<K::Owned>,
    /// What was set for keys of another type, before the type of keys was set.
    pub(super) misplaced: Option<&'static str>,
    pub(super) codec: C,
    pub(super) sources: Sources<V>,
    pub(super) origin: Origin,
    pub(super) mode: PhantomData<M>,
}

/// The bus and the name of a cache, and where it is built.
pub(super) struct Origin {
    bus: Arc<bus::Shared>,
    keyspace: Keyspace,
    name: String,
    place: &'static Location<'static>,
    clock: Option<ManualClock>,
}

impl<V> RedisCache<V> {
    /// Settings of a cache whose entries live in Redis for at most `ttl`, counted from when they
    /// were stored.
    ///
    /// Its keys in Redis begin with `name`, which audits and errors show too. A name consists of
    /// letters, digits, `-`, `_` and `.`, with `:` between them.
    #[track_caller]
    pub fn builder(bus: &Bus, name: impl Into<String>, ttl: Duration) -> Builder<V> {
        Builder {
            options: Options::new(ttl),
            load_ahead: None,
            scheduled: Vec::new(),
            misplaced: None,
            codec: Json,
            sources: Sources::default(),
            origin: Origin {
                bus: Arc::clone(bus.shared()),
                keyspace: Keyspace::new(bus),
                name: name.into(),
                place: Location::caller(),
                clock: None,
            },
            mode: PhantomData,
        }
    }
}

impl<V, M, C, K: RedisKey + ?Sized> Builder<V, M, C, K> {
    /// Sets a TTL for each value, where it is shorter than that of the cache.
    ///
    /// A value whose TTL is zero is not stored.
    pub fn ttl_by(mut self, ttl_by: impl Fn(&V) -> Duration + Send + Sync + 'static) -> Self {
        self.options.ttl_by = Some(Box::new(ttl_by));
        self
    }

    /// Names the key in Redis of each entry; `name:KEY` by default.
    ///
    /// `key_by` is given the text of an entry's key, and returns what follows the namespace of the bus.
    /// So a cache can share keys that another program has chosen. Different entries must have different
    /// keys, which are those of no other cache; that is not checked. Only for a cache that no event
    /// evicts from.
    ///
    /// What another program stores under such a key lives as long as that program says: without a
    /// TTL, until it is removed, and it is not refreshed ahead of expiry.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Bus, RedisCache};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let models = RedisCache::<Vec<String>>::builder(&bus, "models", Duration::from_secs(60))
    ///     .key_by(|provider| format!("{provider}:models"))
    ///     .build()?;
    /// // In Redis: `openrouter:models`, which is `["small"]`.
    /// models.insert("openrouter", vec!["small".to_owned()]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_by(mut self, key_by: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.options.key_by = Some(Box::new(key_by));
        self
    }

    /// Puts entries into groups, each of which is evicted by one command in Redis.
    ///
    /// `group_by` is given the text of an entry's key, and returns its group, or `None`. It must always
    /// return the same for the same key. The group is the entry's tag: [`Evict::tag`] of the group
    /// evicts all its entries, in Redis by one command, however many there are. Each group has a
    /// generation in Redis, which is read together with an entry and deleted to evict the group. Reading
    /// costs no further round trip.
    ///
    /// In a cluster, the entries of a group are in one slot, so many should not be in one group
    /// there. Only for a cache that events evict from. If `group_by` panics, so does the read.
    /// Where it panics for a key that an event evicts, all entries in Redis become unreachable.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Bus, Evict, InvalidationEvent, RedisCache, cache_invalidation};
    ///
    /// #[derive(InvalidationEvent)]
    /// enum MemberEvent { Member { guild: String, user: String }, Guild { guild: String }, All }
    ///
    /// #[cache_invalidation(channel = "cache:group-example", event = MemberEvent)]
    /// struct Members;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let service = Members::new(&bus);
    /// let members = RedisCache::<String>::builder(&bus, "members", Duration::from_secs(60))
    ///     .group_by(|key| Some(key.split_once(':')?.0.to_owned()))
    ///     .evict_on(&service, |event| match event {
    ///         MemberEvent::Member { guild, user } => Evict::key(format!("{guild}:{user}")),
    ///         MemberEvent::Guild { guild } => Evict::tag(guild),
    ///         MemberEvent::All => Evict::All,
    ///     })
    ///     .build()?;
    /// # bus.ready().await?;
    /// for key in ["7:ada", "8:ben"] {
    ///     members.get_or_load(key, || async { "a member".to_owned() }).await;
    /// }
    /// service.invalidate_guild("7").await?;
    /// assert_eq!(members.get("7:ada").await?, None);
    /// assert!(members.get("8:ben").await?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `group_by` is called for every key that is read, loaded or evicted, also while a part of the
    /// cache is locked. It must be quick and must not use the cache.
    pub fn group_by(
        mut self,
        group_by: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.options.group_by = Some(Arc::new(group_by));
        self
    }

    /// How long it is remembered that there is no value, for a reason of this
    /// [category](super::Loaded::Absent).
    ///
    /// It is [`defaults::NEGATIVE_TTL`](crate::defaults::NEGATIVE_TTL) in every other category, and
    /// never longer than the TTL of the cache.
    pub fn negative_ttl(mut self, category: impl Into<String>, ttl: Duration) -> Self {
        self.options.negative_ttls.insert(category.into(), ttl);
        self
    }

    /// Keeps up to `max_entries` in memory too, for at most `ttl`, and never longer than in Redis.
    ///
    /// They are read without asking Redis. If no event evicts them, this instance may miss a change
    /// by another one until `ttl` is over. By default there is no level in memory.
    pub fn memory(mut self, ttl: Duration, max_entries: usize) -> Self {
        self.options.memory = Some((ttl, max_entries));
        self
    }

    /// How long a caller waits for the load of another caller of its key in this process;
    /// [`defaults::LOAD_WAIT`](crate::defaults::LOAD_WAIT) by default.
    ///
    /// Once a load has taken longer, the next caller looks in Redis again, and loads if the entry is
    /// missing; the others wait for it as long again. A refresh ahead of expiry may take as long,
    /// too; then it is given up.
    pub fn load_wait(mut self, wait: Duration) -> Self {
        self.options.load_wait = wait;
        self
    }

    /// Gives up a load that takes longer than `limit`; by default a load may take any time.
    ///
    /// The loader is dropped, its lock is given back, and its caller and those who wait for it in this
    /// process receive [`LoadError::TimedOut`](super::LoadError::TimedOut). Refreshes ahead of expiry
    /// have the limit of [`load_wait`](Self::load_wait).
    pub fn load_timeout(mut self, limit: Duration) -> Self {
        self.options.load_timeout = Some(limit);
        self
    }

    /// Lets one instance at a time load an entry; by default no instance waits for another.
    ///
    /// The others wait up to `wait` for what it stores, asking Redis now and then, and then load as
    /// well.
    ///
    /// The lock costs a load one more round trip. A coherent cache makes that round trip in any
    /// case.
    pub fn load_lock(mut self, wait: Duration) -> Self {
        self.options.load_lock = Some(wait);
        self
    }

    /// How long a load keeps other instances from loading;
    /// [`defaults::LOAD_LOCK_TTL`](crate::defaults::LOAD_LOCK_TTL) by default.
    ///
    /// In a coherent cache, a load that takes longer is not stored. The lock of an instance that is
    /// killed while it loads ends after this time.
    pub fn lock_ttl(mut self, ttl: Duration) -> Self {
        self.options.lock_ttl = ttl;
        self
    }

    /// The most bytes of a value in Redis;
    /// [`defaults::MAX_VALUE_BYTES`](crate::defaults::MAX_VALUE_BYTES) by default.
    ///
    /// A larger value is returned to its caller and not stored. One that another program has stored is
    /// not read whole, and counts as a value that does not decode.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.options.max_value_bytes = bytes;
        self
    }

    /// What a load does while Redis is away; [`WhileDown::LoadWithoutRedis`] by default.
    pub fn while_down(mut self, policy: WhileDown) -> Self {
        self.options.while_down = policy;
        self
    }

    /// What a coherent cache does with its entries in Redis after events may have been lost;
    /// [`OnFlush::KeepRedis`] by default.
    pub fn on_flush(mut self, policy: OnFlush) -> Self {
        self.options.on_flush = policy;
        self
    }

    /// How values are written; [`Json`] by default.
    pub fn codec<D: Codec<V>>(self, codec: D) -> Builder<V, M, D, K> {
        self.convert(|_| codec)
    }

    /// Uses this clock for the memory level, in tests; Redis has its own.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.origin.clock = Some(clock.clone());
        self
    }

    fn convert<M2, D>(self, codec: impl FnOnce(C) -> D) -> Builder<V, M2, D, K> {
        Builder {
            options: self.options,
            load_ahead: self.load_ahead,
            scheduled: self.scheduled,
            misplaced: self.misplaced,
            codec: codec(self.codec),
            sources: self.sources,
            origin: self.origin,
            mode: PhantomData,
        }
    }
}

impl<V, M, C, K> Builder<V, M, C, K>
where
    V: Clone + Send + Sync + 'static,
    K: RedisKey + ?Sized,
{
    /// Evicts what `evict` returns for each event of a service's channel, in Redis and in memory.
    ///
    /// It may be called for several services. Match the event exhaustively: then the compiler asks
    /// what a new variant evicts. The event that says that everything is stale evicts everything,
    /// whatever `evict` returns for it.
    ///
    /// Other caches of the channel may load from this one, whichever is built first. A loader of
    /// this one should not read a cache in memory: what this instance still has there, although
    /// other instances have received the event that evicts it, would be stored for all of them.
    ///
    /// Keys are those that entries are read by, of the [type](Self::key_type) that they have. Redis
    /// deletes by key and cannot evaluate a predicate or a prefix, and knows no tags but
    /// [groups](Self::group_by). For these, all entries of the cache in Redis become unreachable, in
    /// one step. In memory they evict no more than they say, if the keys are `str`. Of other keys
    /// memory has only the texts, which a predicate cannot be asked about, so there it evicts
    /// everything too, which is logged. Where such events are frequent, name the keys.
    ///
    /// An event may name as many keys as fit in 4 MiB, each counted with 64 bytes more, such as
    /// 40,000 keys of 40 bytes. If it names more, or if more wait to be deleted while Redis is away,
    /// all entries in Redis become unreachable as well.
    ///
    /// `evict` is called by publishers and by the task that receives events, possibly at the same
    /// time. It must be quick and must not block. If it panics, everything is evicted.
    pub fn evict_on<E: InvalidationEvent>(
        mut self,
        service: &Invalidator<E>,
        evict: impl Fn(&E) -> Evict<K::Owned> + Send + Sync + 'static,
    ) -> Builder<V, Coherent, C, K> {
        let evict = evicting(evict);
        let evict = move |event: &E| K::Texts::evicted(evict(event));
        self.sources.add(service, evict);
        self.convert(|codec| codec)
    }

    /// Builds the cache, and subscribes it to the events that evict from it, if there are any.
    ///
    /// Memory is then read as soon as events are proven to arrive: `bus.ready().await?` waits for
    /// that.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the error names the cache and the setting. Also when a cache or a
    /// `Dedup` of this process that still lives stores something else under the same keys: values of
    /// another type or by another codec, or its name continues where the other ends, as `a:b` does
    /// after `a`. The error then names both places.
    pub fn build(mut self) -> Result<RedisCache<V, M, K>, BuildError>
    where
        C: Codec<V>,
    {
        let (mut options, origin) = (self.options, self.origin);
        if let Some(misplaced) = self.misplaced {
            let what = format!(
                "{misplaced} before key_type: expected it after `key_type`, \
                 because it takes keys of that type"
            );
            return Err(BuildError::new(&origin.name, what));
        }
        options.check(&origin.name, self.scheduled.len())?;
        if let Some(load) = &self.load_ahead {
            let scheduled = self.scheduled.into_iter();
            let schedule = |key| ScheduledRefresh::new::<K>(key, Arc::clone(load));
            options.scheduled = scheduled.map(schedule).collect();
        }
        // Without a memory level nothing is stored in the engine.
        let (memory_ttl, entries) = options.memory.unwrap_or((options.ttl, 1));
        let mut engine = EngineOptions::new(memory_ttl, Capacity::Entries(entries));
        engine.add_ttl_by(|cached: &Cached<V>| cached.left);
        if let Some(clock) = &origin.clock {
            engine.set_clock(clock);
        }
        #[cfg(feature = "testing")]
        engine.drive(origin.bus.driver());
        engine.barriers = self.sources.barriers();
        engine.load_wait = options.load_wait;
        let group_by = options.group_by.take();
        if let Some(group_by) = group_by.clone() {
            engine.add_tags(move |key: &String, _| group_by(key));
        }
        engine.check(&origin.name)?;

        let name: Arc<str> = origin.name.into();
        let coherence =
            (self.sources).coherence(patience(origin.bus.settings()), group_by.is_some());
        let (key_by, keyspace) = (options.key_by.take(), origin.keyspace);
        let keys = match coherence {
            Some(_) if key_by.is_some() => {
                let what = "key_by: entries that events evict have keys of their own";
                return Err(BuildError::new(&name, what));
            }
            Some(_) => Keys::sealed(&keyspace, &name, group_by, options.max_value_bytes),
            None if group_by.is_some() => {
                let what = "group_by without evict_on: expected an event that evicts groups";
                return Err(BuildError::new(&name, what));
            }
            None => Keys::bare(&keyspace, &name, key_by, options.max_value_bytes),
        };
        let claim = keys
            .prefix()
            .map(|prefix| Claim::new::<V, C>(&name, origin.place, keyspace.store(), prefix).take());
        let shared = Arc::new(Shared {
            place: origin.place,
            codec: Box::new(self.codec),
            keyspace,
            keys: Arc::new(keys),
            _claim: claim.transpose()?,
            engine: Engine::new(&name, engine),
            reclaiming: Reclaiming::default(),
            coherence,
            breaker: Breaker::new(origin.bus.driver()),
            background: Background::new(origin.bus.driver()),
            counters: Counters::default(),
            logs: Logs::default(),
            options,
            name,
        });
        let worker = self.sources.subscribe(&shared);
        shared.start_schedule();
        audit::enroll(&shared);
        Ok(RedisCache {
            handle: Arc::new(Handle {
                shared,
                load_ahead: self.load_ahead,
                _worker: worker,
            }),
            mode: PhantomData,
        })
    }
}

/// How long to wait for deletions: as long as for the answer to one command.
fn patience(settings: &crate::settings::Settings) -> Duration {
    #[cfg(feature = "redis")]
    return settings.response_timeout;
    #[cfg(not(feature = "redis"))]
    {
        let _ = settings;
        crate::defaults::RESPONSE_TIMEOUT
    }
}

impl<V, M, C, K: RedisKey + ?Sized> fmt::Debug for Builder<V, M, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.origin.name)
            .field("ttl", &self.options.ttl)
            .field("memory", &self.options.memory)
            .finish_non_exhaustive()
    }
}
