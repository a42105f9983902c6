//! The operations that are measured, and the peers.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cached::ShardedLruCache;
use moka::{future, sync};
use quick_cache::DefaultHashBuilder;

use super::keys::Value;

/// Longer than the benchmark, so that nothing expires.
pub(crate) const TTL: Duration = Duration::from_hours(1);

pub(crate) trait Cache: Send + Sync + 'static {
    const NAME: &'static str;

    fn new(entries: usize) -> Self;

    /// Reads an entry; returns whether there is one.
    fn hit(&self, key: &str) -> bool;

    fn insert(&self, key: String, value: Value);

    fn remove(&self, key: &str);

    /// Reads an entry, or loads it: here, clones the value.
    async fn load(&self, key: &str, value: &Value);

    fn clear(&self);

    fn len(&self) -> usize;

    /// Runs the cache's deferred work.
    fn tidy(&self) {}
}

/// The output of a future that never waits.
#[inline]
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits for something"),
    }
}

/// A cache that holds the first `entries` keys, and has room for more.
pub(crate) fn filled<C: Cache>(entries: usize, keys: &[String]) -> C {
    let cache = C::new(entries);
    for key in keys {
        cache.insert(key.clone(), super::keys::value());
    }
    cache.tidy();
    let held = keys.iter().filter(|key| cache.hit(key)).count();
    assert_eq!(held, keys.len(), "what {} holds", C::NAME);
    cache.tidy();
    cache
}

/// `quick_cache`, on which ours build, with its own locks and hasher. It has no TTL.
pub(crate) type Raw = quick_cache::sync::Cache<String, Value>;

pub(crate) const RAW: &str = Raw::NAME;

impl Cache for Raw {
    const NAME: &'static str = "quick_cache";

    fn new(entries: usize) -> Self {
        Self::new(entries)
    }

    #[inline]
    fn hit(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn insert(&self, key: String, value: Value) {
        self.insert(key, value);
    }

    fn remove(&self, key: &str) {
        self.remove(key);
    }

    /// A lookup, then an insert: two callers may load at the same time, and the insert undoes an
    /// eviction in between.
    async fn load(&self, key: &str, value: &Value) {
        if self.get(key).is_none() {
            self.insert(key.to_owned(), Value::clone(value));
        }
    }

    fn clear(&self) {
        self.clear();
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// The same, with one load per key.
pub(crate) struct RawAsync(Raw);

impl Cache for RawAsync {
    const NAME: &'static str = "quick_cache, async";

    fn new(entries: usize) -> Self {
        Self(Raw::new(entries))
    }

    fn hit(&self, key: &str) -> bool {
        self.0.hit(key)
    }

    fn insert(&self, key: String, value: Value) {
        self.0.insert(key, value);
    }

    fn remove(&self, key: &str) {
        self.0.remove(key);
    }

    async fn load(&self, key: &str, value: &Value) {
        let load = async { Ok::<_, ()>(Value::clone(value)) };
        self.0
            .get_or_insert_async(key, load)
            .await
            .expect("it loads");
    }

    fn clear(&self) {
        self.0.clear();
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// With a TTL, as ours have.
pub(crate) type Moka = sync::Cache<String, Value>;

impl Cache for Moka {
    const NAME: &'static str = "moka, sync";

    fn new(entries: usize) -> Self {
        let builder = Self::builder().max_capacity(entries as u64);
        builder.time_to_live(TTL).build()
    }

    #[inline]
    fn hit(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn insert(&self, key: String, value: Value) {
        self.insert(key, value);
    }

    fn remove(&self, key: &str) {
        self.invalidate(key);
    }

    async fn load(&self, key: &str, value: &Value) {
        self.get_with_by_ref(key, || Value::clone(value));
    }

    fn clear(&self) {
        self.invalidate_all();
    }

    fn len(&self) -> usize {
        self.run_pending_tasks();
        usize::try_from(self.entry_count()).expect("it fits into memory")
    }

    fn tidy(&self) {
        self.run_pending_tasks();
    }
}

/// With a TTL, as ours have.
pub(crate) type MokaAsync = future::Cache<String, Value>;

impl Cache for MokaAsync {
    const NAME: &'static str = "moka, future";

    fn new(entries: usize) -> Self {
        let builder = Self::builder().max_capacity(entries as u64);
        builder.time_to_live(TTL).build()
    }

    #[inline]
    fn hit(&self, key: &str) -> bool {
        now(self.get(key)).is_some()
    }

    fn insert(&self, key: String, value: Value) {
        now(self.insert(key, value));
    }

    fn remove(&self, key: &str) {
        now(self.invalidate(key));
    }

    async fn load(&self, key: &str, value: &Value) {
        self.get_with_by_ref(key, async { Value::clone(value) })
            .await;
    }

    fn clear(&self) {
        self.invalidate_all();
    }

    fn len(&self) -> usize {
        self.tidy();
        usize::try_from(self.entry_count()).expect("it fits into memory")
    }

    fn tidy(&self) {
        now(self.run_pending_tasks());
    }
}

/// The bounded concurrent store of `cached`, without a TTL. It uses the hasher of `quick_cache`,
/// because its default one needs another dependency.
pub(crate) type Cached = ShardedLruCache<String, Value, DefaultHashBuilder>;

impl Cache for Cached {
    const NAME: &'static str = "cached, ShardedLruCache";

    fn new(entries: usize) -> Self {
        let builder = ShardedLruCache::<String, Value>::builder().max_size(entries);
        let hashed = builder.hasher(DefaultHashBuilder::default());
        hashed.build().expect("usable settings")
    }

    #[inline]
    fn hit(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn insert(&self, key: String, value: Value) {
        self.set(key, value);
    }

    fn remove(&self, key: &str) {
        self.remove(key);
    }

    /// It takes an owned key, and several callers may load at the same time.
    async fn load(&self, key: &str, value: &Value) {
        self.get_or_set_with(key.to_owned(), || Value::clone(value));
    }

    fn clear(&self) {
        self.clear();
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// The memory level of foyer, without a TTL. Each load runs in a task of its own.
pub(crate) type Foyer = foyer_memory::Cache<String, Value>;

impl Cache for Foyer {
    const NAME: &'static str = "foyer";

    fn new(entries: usize) -> Self {
        foyer_memory::CacheBuilder::new(entries).build()
    }

    #[inline]
    fn hit(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn insert(&self, key: String, value: Value) {
        self.insert(key, value);
    }

    fn remove(&self, key: &str) {
        self.remove(key);
    }

    async fn load(&self, key: &str, value: &Value) {
        let load = || {
            let value = Value::clone(value);
            async { Ok::<_, std::io::Error>(value) }
        };
        self.get_or_fetch(key, load).await.expect("it loads");
    }

    fn clear(&self) {
        self.clear();
    }

    fn len(&self) -> usize {
        self.entries()
    }
}
