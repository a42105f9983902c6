//! The caches of this project.

use std::sync::LazyLock;
use std::time::Duration;

use cache_runtime::__private::evict;
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, TtlCache, cache_invalidation};

use super::RUNTIME;
use super::keys::Value;
use super::peers::{Cache, TTL};

#[derive(InvalidationEvent)]
enum EntryEvent {
    Entry { key: String },
    All,
}

#[cache_invalidation(channel = "cache:entries", event = EntryEvent)]
struct Entries;

static BUS: LazyLock<Bus> = LazyLock::new(|| {
    // A long lease, so that the caches stay filled on a busy machine.
    let lease = Duration::from_hours(1);
    let connected = RUNTIME.block_on(Bus::local().lease(lease).connect());
    connected.expect("there is no server that could be away")
});

impl Cache for TtlCache<String, Value> {
    const NAME: &'static str = "TtlCache";

    fn new(entries: usize) -> Self {
        let builder = Self::builder(Self::NAME, TTL).max_entries(entries);
        builder.build().expect("usable settings")
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
        self.get_or_load(key, || async { Value::clone(value) })
            .await;
    }

    fn clear(&self) {
        self.clear();
    }

    fn len(&self) -> usize {
        self.len()
    }
}

impl Cache for CoherentCache<String, Value> {
    const NAME: &'static str = "CoherentCache";

    fn new(entries: usize) -> Self {
        let builder = Self::builder(Self::NAME, TTL).max_entries(entries);
        let evicting = builder.evict_on(&Entries::new(&BUS), |event| match event {
            EntryEvent::Entry { key } => Evict::key(key),
            EntryEvent::All => Evict::All,
        });
        let cache = evicting.build().expect("usable settings");
        RUNTIME
            .block_on(BUS.ready())
            .expect("a channel that is allowed");
        cache
    }

    #[inline]
    fn hit(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// With a token: it has no `insert`.
    fn insert(&self, key: String, value: Value) {
        self.begin_load(key.as_str())
            .store(value)
            .expect("nothing evicts it");
    }

    fn remove(&self, key: &str) {
        evict(self, &Evict::key(key));
    }

    async fn load(&self, key: &str, value: &Value) {
        self.get_or_load(key, || async { Value::clone(value) })
            .await;
    }

    fn clear(&self) {
        evict(self, &Evict::All);
    }

    fn len(&self) -> usize {
        self.len()
    }
}
