//! Several keys at a time: one round trip and one load for what is missing, and each key on its own
//! against events and other instances.

use std::convert::Infallible;
use std::sync::Arc;

use cache_runtime::redis::{LoadError, Loaded, WhileDown};
use cache_runtime::{Bus, ManualClock, RedisCache};
use support::{Server, eventually, within};
use tokio::sync::{Mutex, Semaphore};

use crate::coherent::{Instance, evict};
use crate::fixture::{LONG, Place, SHORT, Texts, builder, in_both_places, never, text};

/// Loads keys, and remembers which. A key `none…` has no value, and `gone…` is known to have none.
#[derive(Clone)]
struct Source {
    asked: Arc<Mutex<Vec<Vec<String>>>>,
    go_on: Arc<Semaphore>,
}

impl Source {
    /// Its loads wait for [`release`](Self::release).
    fn held() -> Self {
        Self {
            asked: Arc::default(),
            go_on: Arc::new(Semaphore::new(0)),
        }
    }

    fn free() -> Self {
        let source = Self::held();
        source.release();
        source
    }

    fn release(&self) {
        self.go_on.close();
    }

    async fn load(&self, keys: Vec<String>) -> Result<Vec<(String, Loaded<String>)>, Infallible> {
        self.asked.lock().await.push(keys.clone());
        drop(self.go_on.acquire().await);
        let keys = keys.into_iter().filter(|key| !key.starts_with("none"));
        let load = |key: String| {
            let loaded = if key.starts_with("gone") {
                Loaded::absent("gone")
            } else {
                Loaded::Present(key.to_uppercase())
            };
            (key, loaded)
        };
        Ok(keys.map(load).collect())
    }

    async fn read<M>(
        &self,
        cache: &RedisCache<String, M>,
        keys: &[&str],
    ) -> Result<Vec<String>, LoadError<Infallible>> {
        let keys = keys.iter().copied();
        let found = cache
            .lookup_many_or_load(keys, |keys| self.load(keys))
            .await?;
        let show = |(key, loaded): (String, Loaded<String>)| match loaded {
            Loaded::Present(value) => format!("{key}={value}"),
            Loaded::Absent { category, .. } => format!("{key}: {category}"),
        };
        let mut found: Vec<_> = found.into_iter().map(show).collect();
        found.sort();
        Ok(found)
    }

    /// The keys of each load.
    async fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().await.clone()
    }

    async fn has_begun(&self) {
        let asked = async || self.asked().await.len();
        eventually("the load to begin", asked, |asked| *asked > 0).await;
    }
}

async fn what_is_missing_is_loaded_together_and_found_by_all(place: &Place) {
    let bus = place.instance().await;
    let texts = Texts::new(&bus);
    let plain = builder(&bus).build().unwrap();
    all_ways(&plain, place).await;
    let locked = RedisCache::builder(&bus, "locked", LONG).load_lock(LONG);
    all_ways(&locked.build().unwrap(), place).await;
    let in_memory = RedisCache::builder(&bus, "in-memory", LONG).memory(LONG, 100);
    all_ways(&in_memory.build().unwrap(), place).await;
    let coherent = RedisCache::builder(&bus, "coherent", LONG).memory(LONG, 100);
    let coherent = coherent.evict_on(&texts, evict).build().unwrap();
    bus.ready().await.unwrap();
    all_ways(&coherent, place).await;
}

async fn all_ways<M>(cache: &RedisCache<String, M>, place: &Place) {
    let source = Source::free();
    let none: [&str; 0] = [];
    assert_eq!(source.read(cache, &none).await.unwrap(), none);
    cache.try_get_or_load("a", || text("A")).await.unwrap();

    let keys = ["b", "a", "c", "none", "b", "gone"];
    let all = ["a=A", "b=B", "c=C", "gone: gone"];
    assert_eq!(source.read(cache, &keys).await.unwrap(), all);
    assert_eq!(source.asked().await, [["b", "c", "none", "gone"]]);
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.stored), (5, 4), "{stats:?}");
    assert_eq!((stats.misses, stats.failed_loads), (5, 0), "{stats:?}");
    assert_eq!(stats.memory_hits + stats.redis_hits, 1, "{stats:?}");

    // What is absent is known, and what was not returned is not.
    assert_eq!(source.read(cache, &keys).await.unwrap(), all);
    assert_eq!(source.asked().await[1..], [["none"]]);
    let load = async |keys: Vec<String>| {
        assert_eq!(keys, ["none"]);
        [("none".to_owned(), "now".to_owned())]
    };
    let found = cache.get_many_or_load(keys, load).await.unwrap();
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort();
    let of = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        found,
        [of("a", "A"), of("b", "B"), of("c", "C"), of("none", "now")]
    );
    for key in ["a", "b", "c"] {
        let read = cache.try_get_or_load(key, never).await.unwrap();
        assert_eq!(read, key.to_uppercase());
    }
    let absent = cache.try_get_or_load("gone", never).await.unwrap_err();
    assert!(matches!(absent, LoadError::Absent { .. }), "{absent:?}");
    let stored = place.stored("cache-runtime:lock:{locked:b}").await;
    assert_eq!(stored, None, "no lock is left");
}

/// Two instances whose keys overlap: each loads what is free before it waits for the other.
async fn instances_that_overlap_load_each_key_once(place: &Place) {
    let locked = async || {
        let bus = place.instance().await;
        builder(&bus).load_lock(LONG).build().unwrap()
    };
    let (here, there) = (locked().await, locked().await);
    let (first, second) = (Source::held(), Source::held());
    let one = tokio::spawn({
        let (cache, source) = (here.clone(), first.clone());
        async move { source.read(&cache, &["a", "b", "c"]).await }
    });
    first.has_begun().await;
    let two = tokio::spawn({
        let (cache, source) = (there.clone(), second.clone());
        async move { source.read(&cache, &["d", "c", "b"]).await }
    });
    second.has_begun().await;
    assert_eq!(second.asked().await, [["d"]]);
    second.release();
    let found = async || here.get("d").await.unwrap();
    eventually("what is free to be stored", found, Option::is_some).await;
    assert!(!two.is_finished(), "it waits for the first");
    first.release();
    assert_eq!(
        within("one", one).await.unwrap().unwrap(),
        ["a=A", "b=B", "c=C"]
    );
    assert_eq!(
        within("two", two).await.unwrap().unwrap(),
        ["b=B", "c=C", "d=D"]
    );
    assert_eq!(second.asked().await.len(), 1);
    let stats = there.stats();
    assert_eq!((stats.waits, stats.given_up_waits, stats.loads), (2, 0, 1));
}

async fn what_another_instance_takes_too_long_for_is_loaded_here(place: &Place) {
    let locked = async || {
        let bus = place.instance().await;
        builder(&bus).load_lock(SHORT).build().unwrap()
    };
    let (here, there) = (locked().await, locked().await);
    let (first, second) = (Source::held(), Source::free());
    let one = tokio::spawn({
        let (cache, source) = (here.clone(), first.clone());
        async move { source.read(&cache, &["a", "b"]).await }
    });
    first.has_begun().await;
    let two = within("the wait", second.read(&there, &["c", "a", "b"])).await;
    assert_eq!(two.unwrap(), ["a=A", "b=B", "c=C"]);
    assert_eq!(second.asked().await, [vec!["c"], vec!["a", "b"]]);
    assert_eq!(there.stats().given_up_waits, 2);
    first.release();
    assert_eq!(within("one", one).await.unwrap().unwrap(), ["a=A", "b=B"]);
}

async fn an_event_keeps_out_what_it_evicts_and_nothing_else(place: &Place) {
    let (here, there) = (Instance::new(place).await, Instance::new(place).await);
    let mut events = [here.texts.events(), there.texts.events()];
    // A stream has an event when all caches have applied it.
    let mut heard = async || {
        for events in &mut events {
            within("the event", events.recv()).await;
        }
    };
    for publisher in [&here, &there] {
        let source = Source::held();
        let reading = tokio::spawn({
            let (cache, source) = (here.cache.clone(), source.clone());
            async move { source.read(&cache, &["a", "b", "c"]).await }
        });
        source.has_begun().await;
        publisher.texts.invalidate_text("b").await.unwrap();
        heard().await;
        source.release();
        // Whoever came before the event may have it.
        let read = within("the load", reading).await.unwrap();
        assert_eq!(read.unwrap(), ["a=A", "b=B", "c=C"]);
        for instance in [&here, &there] {
            assert_eq!(instance.get("a").await.as_deref(), Some("A"));
            assert_eq!(instance.get("b").await, None);
            assert_eq!(instance.get("c").await.as_deref(), Some("C"));
        }
        here.texts.invalidate_all().await.unwrap();
        heard().await;
        for key in ["a", "c"] {
            here.loses(key).await;
            there.loses(key).await;
        }
    }
}

async fn a_failure_is_that_of_all_who_wait_and_the_locks_are_given_back(place: &Place) {
    let cache = builder(&place.instance().await).load_lock(LONG);
    let cache = cache.build().unwrap();
    let go_on = Arc::new(Semaphore::new(0));
    let begun = Arc::new(Semaphore::new(0));
    let one = tokio::spawn({
        let (cache, go_on, begun) = (cache.clone(), Arc::clone(&go_on), Arc::clone(&begun));
        async move {
            let fails = async |_: Vec<String>| {
                begun.add_permits(1);
                drop(go_on.acquire().await);
                Err::<Vec<_>, _>("as the test wants it")
            };
            cache.try_get_many_or_load(["a", "b"], fails).await
        }
    });
    drop(within("the load", begun.acquire()).await);
    let two = tokio::spawn({
        let cache = cache.clone();
        let never = async || Err("loaded by another");
        async move { cache.try_get_or_load("b", never).await }
    });
    tokio::task::yield_now().await;
    go_on.close();
    let error = one.await.unwrap().unwrap_err().into_load().unwrap();
    assert_eq!(*error, "as the test wants it");
    two.await.unwrap().unwrap_err();
    assert!(cache.stats().failed_loads >= 2);
    let read = within("the next", Source::free().read(&cache, &["a", "b"])).await;
    assert_eq!(read.unwrap(), ["a=A", "b=B"], "no lock is in the way");
}

async fn values_that_do_not_decode_are_loaded_anew(place: &Place) {
    for locks in [false, true] {
        place.flush().await;
        place.write("texts:a", b"no JSON").await;
        place.write("texts:b", b"\"B\"").await;
        place.write("texts:c", b"").await;
        let mut cache = builder(&place.instance().await);
        if locks {
            cache = cache.load_lock(LONG);
        }
        let cache = cache.build().unwrap();
        let source = Source::free();
        let read = source.read(&cache, &["a", "b", "c"]).await.unwrap();
        assert_eq!(read, ["a=A", "b=B", "c=C"]);
        assert_eq!(source.asked().await, [["a", "c"]]);
        assert_eq!(
            place.stored("texts:a").await.as_deref(),
            Some(&b"\"A\""[..])
        );
    }
}

in_both_places!(
    what_is_missing_is_loaded_together_and_found_by_all,
    instances_that_overlap_load_each_key_once,
    what_another_instance_takes_too_long_for_is_loaded_here,
    an_event_keeps_out_what_it_evicts_and_nothing_else,
    a_failure_is_that_of_all_who_wait_and_the_locks_are_given_back,
    values_that_do_not_decode_are_loaded_anew,
);

/// A bus that asks the server nothing by itself.
async fn quiet(server: &Server) -> Bus {
    let bus = Bus::redis(server.url()).heartbeat(LONG).lease(LONG * 4);
    bus.connect().await.expect("the server is running")
}

/// How many times the server has read from a connection.
async fn reads(server: &Server) -> u64 {
    let info: String = server.admin().await.run(&["INFO", "stats"]).await;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("total_reads_processed:"));
    line.expect("the server counts them")
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn hundreds_of_keys_take_a_few_round_trips() {
    const KEYS: usize = 300;
    let server = Server::start().await;
    let bus = quiet(&server).await;
    let texts = Texts::new(&bus);
    let keys: Vec<_> = (0..KEYS).map(|key| format!("key{key:04}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let coherent = RedisCache::<String>::builder(&bus, "coherent", LONG);
    let coherent = coherent.evict_on(&texts, evict).build().unwrap();
    let plain = builder(&bus).build().unwrap();
    bus.ready().await.unwrap();
    Source::free().read(&coherent, &["other"]).await.unwrap();
    Source::free().read(&plain, &["other"]).await.unwrap();

    let source = Source::free();
    let mut before = reads(&server).await;
    let mut within_reads = async |what: &str| {
        let now = reads(&server).await;
        // A pipeline may take several, and others of the process take some.
        let taken = now - before;
        assert!(taken < KEYS as u64 / 4, "{what}: {taken}");
        before = now;
    };
    assert_eq!(source.read(&plain, &keys).await.unwrap().len(), KEYS);
    within_reads("looked up and stored").await;
    assert_eq!(source.read(&plain, &keys).await.unwrap().len(), KEYS);
    within_reads("looked up").await;
    assert_eq!(source.read(&coherent, &keys).await.unwrap().len(), KEYS);
    within_reads("looked up, locked and filled").await;
    assert_eq!(source.read(&coherent, &keys).await.unwrap().len(), KEYS);
    within_reads("looked up in an epoch").await;
    assert_eq!(source.asked().await.len(), 2);
}

#[tokio::test]
async fn thousands_of_keys_and_megabytes_are_divided() {
    let server = Server::start().await;
    let cache = builder(&quiet(&server).await)
        .load_lock(LONG)
        .build()
        .unwrap();
    let keys: Vec<_> = (0..2500).map(|key| key.to_string()).collect();
    let load = async |keys: Vec<String>| {
        keys.into_iter()
            .map(|key| (key, "x".repeat(5_000)))
            .collect::<Vec<_>>()
    };
    let found = cache.get_many_or_load(&keys, load).await.unwrap();
    assert_eq!((found.len(), cache.stats().stored), (2500, 2500));
    let other = builder(&quiet(&server).await).build().unwrap();
    let load = async |keys: Vec<String>| -> [(String, String); 0] { panic!("{keys:?}") };
    let found = other.get_many_or_load(&keys, load).await.unwrap();
    assert_eq!(found.len(), 2500);
    assert!(found.values().all(|value| value.len() == 5_000));
}

/// The scripts are sent in full to a server that does not know them.
#[tokio::test]
async fn a_server_that_has_forgotten_the_scripts_is_told_them() {
    let server = Server::start().await;
    let cache = builder(&quiet(&server).await)
        .load_lock(LONG)
        .build()
        .unwrap();
    let source = Source::held();
    let reading = tokio::spawn({
        let (cache, source) = (cache.clone(), source.clone());
        async move { source.read(&cache, &["a", "b"]).await }
    });
    source.has_begun().await;
    let admin = server.admin().await;
    admin.run::<()>(&["SCRIPT", "FLUSH"]).await;
    source.release();
    assert_eq!(
        within("the load", reading).await.unwrap().unwrap(),
        ["a=A", "b=B"]
    );
    assert_eq!(cache.stats().stored, 2);
    admin.run::<()>(&["SCRIPT", "FLUSH"]).await;
    let read = Source::free().read(&cache, &["c", "d"]).await.unwrap();
    assert_eq!(read, ["c=C", "d=D"]);
    assert_eq!((cache.stats().stored, cache.stats().redis_errors), (4, 0));
}

/// One key that cannot be read does not spoil the others.
#[tokio::test]
async fn an_error_is_that_of_its_key() {
    let server = Server::start().await;
    let bus = quiet(&server).await;
    let admin = server.admin().await;
    admin.run::<()>(&["LPUSH", "texts:b", "a list"]).await;
    let cache = builder(&bus).build().unwrap();
    cache.insert("a", "A".to_owned()).await.unwrap();
    let source = Source::free();
    assert_eq!(
        source.read(&cache, &["a", "b", "c"]).await.unwrap(),
        ["a=A", "b=B", "c=C"]
    );
    assert_eq!(source.asked().await, [["b", "c"]]);
    assert_eq!(cache.stats().redis_errors, 1);
    assert_eq!(cache.get("c").await.unwrap().as_deref(), Some("C"));

    let strict = builder(&bus).while_down(WhileDown::Fail).build().unwrap();
    let failed = source.read(&strict, &["a", "b", "none"]).await.unwrap_err();
    assert!(failed.to_string().contains("Redis"), "{failed}");
    assert_eq!(source.asked().await.len(), 1, "nothing is loaded");
}

#[tokio::test]
async fn without_redis_everything_is_loaded_once() {
    let mut server = Server::start().await;
    let bus = quiet(&server).await;
    let clock = ManualClock::new();
    let cache = builder(&bus)
        .memory(LONG, 100)
        .clock(&clock)
        .build()
        .unwrap();
    server.kill9();
    let source = Source::free();
    let read = within("the load", source.read(&cache, &["a", "b"])).await;
    assert_eq!(read.unwrap(), ["a=A", "b=B"]);
    let read = within("memory", source.read(&cache, &["a", "b"])).await;
    assert_eq!(read.unwrap(), ["a=A", "b=B"]);
    assert_eq!(source.asked().await.len(), 1);
    let strict = builder(&bus).while_down(WhileDown::Fail).build().unwrap();
    let failed = within("the failure", source.read(&strict, &["a", "b"])).await;
    assert!(matches!(failed, Err(LoadError::Redis(_))), "{failed:?}");
    assert_eq!(source.asked().await.len(), 1);
}

#[tokio::test]
async fn what_is_due_is_refreshed() {
    let bus = Bus::in_process();
    let load = async |key: String| Ok::<_, Infallible>(key);
    for memory in [false, true] {
        let mut cache = builder(&bus).refresh_ahead(LONG.saturating_sub(SHORT), load);
        if memory {
            cache = cache.memory(LONG, 100);
        }
        let cache = cache.build().unwrap();
        let source = Source::free();
        let read = async || source.read(&cache, &["a", "b"]).await.unwrap();
        assert_eq!(read().await, ["a=A", "b=B"]);
        eventually("the new values", read, |found| *found == ["a=a", "b=b"]).await;
        assert_eq!(source.asked().await.len(), 1);
        for key in ["a", "b"] {
            cache.remove(key).await.unwrap();
        }
    }
}
