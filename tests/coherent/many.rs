//! Several keys at a time: one load for what is missing, and each key on its own against events.

use std::collections::HashMap;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Bus, ManualClock};
use support::{eventually, within};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::{Cache, HOUR, Users, builder, connect, held, live, poll_once};

/// Loads keys, and remembers which. A key `none…` has no value.
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

    async fn load(&self, keys: Vec<String>) -> HashMap<String, u64> {
        self.asked.lock().await.push(keys.clone());
        drop(self.go_on.acquire().await);
        let has_value = |key: &String| !key.starts_with("none");
        let keys = keys.into_iter().filter(has_value);
        keys.map(|key| (key.clone(), number(&key))).collect()
    }

    async fn read(&self, cache: &Cache, keys: &[&str]) -> Vec<(String, u64)> {
        let keys = keys.iter().copied();
        let found = cache.get_many_or_load(keys, |keys| self.load(keys)).await;
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort();
        found
    }

    /// The keys of each load.
    async fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().await.clone()
    }
}

fn number(key: &str) -> u64 {
    key.bytes().map(u64::from).sum()
}

fn values(keys: &[&str]) -> Vec<(String, u64)> {
    let keys = keys.iter();
    keys.map(|key| ((*key).to_owned(), number(key))).collect()
}

#[tokio::test]
async fn what_is_missing_is_loaded_together_and_the_rest_is_found() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let source = Source::free();
    assert_eq!(source.read(&cache, &[]).await, []);
    assert_eq!(
        source.asked().await.len(),
        0,
        "nothing is asked for nothing"
    );
    assert_eq!(cache.stats().misses, 0);

    cache.get_or_load("a", async || number("a")).await;
    let read = source
        .read(&cache, &["b", "a", "c", "b", "none", "a"])
        .await;
    assert_eq!(read, values(&["a", "b", "c"]));
    assert_eq!(source.asked().await, [["b", "c", "none"]]);
    assert_eq!(held(&cache), ["a", "b", "c"]);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.loads), (1, 4, 4));

    source.read(&cache, &["c", "none", "b"]).await;
    assert_eq!(source.asked().await[1..], [["none"]], "not remembered");
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.loads, stats.loading), (3, 5, 0));
    assert_eq!((stats.failed_loads, stats.shared_loads), (0, 0));
}

#[tokio::test]
async fn pairs_that_nobody_has_asked_for_are_ignored() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let load = async |_| {
        [
            ("a".to_owned(), 1),
            ("x".to_owned(), 2),
            ("a".to_owned(), 3),
        ]
    };
    let read = cache.get_many_or_load(["a"], load).await;
    assert_eq!(read, [("a".to_owned(), 3)].into());
    assert_eq!(held(&cache), ["a"]);
}

/// Each takes what is free, and waits for the other after its own load.
#[tokio::test]
async fn callers_that_overlap_load_each_key_once() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let (first, second) = (Source::held(), Source::held());
    let mut one = pin!(first.read(&cache, &["a", "b", "c"]));
    assert!(poll_once(one.as_mut()).is_none());
    let mut two = pin!(second.read(&cache, &["d", "c", "b"]));
    assert!(poll_once(two.as_mut()).is_none());
    let mut three = pin!(cache.get_or_load("d", async || panic!("it is being loaded")));
    assert!(poll_once(three.as_mut()).is_none());
    assert_eq!(second.asked().await, [["d"]]);

    second.release();
    assert!(poll_once(two.as_mut()).is_none(), "it waits for the first");
    let read = within("what is loaded already", three).await;
    assert_eq!(read, number("d"));
    first.release();
    assert_eq!(within("the first", one).await, values(&["a", "b", "c"]));
    assert_eq!(within("the second", two).await, values(&["b", "c", "d"]));
    assert_eq!(first.asked().await, [["a", "b", "c"]]);
    assert_eq!(second.asked().await.len(), 1);
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.shared_loads), (4, 3));
    assert_eq!(stats.misses, 4);
}

#[tokio::test]
async fn a_key_without_a_value_is_known_to_those_who_load_several_and_loaded_by_others() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let source = Source::held();
    let mut one = pin!(source.read(&cache, &["none", "a"]));
    assert!(poll_once(one.as_mut()).is_none());
    let mut two = pin!(source.read(&cache, &["none"]));
    assert!(poll_once(two.as_mut()).is_none());
    let mut three = pin!(cache.get_or_load("none", async || 7));
    assert!(poll_once(three.as_mut()).is_none());
    source.release();
    assert_eq!(within("the first", one).await, values(&["a"]));
    assert_eq!(within("the second", two).await, []);
    assert_eq!(within("the third", three).await, 7);
    assert_eq!(source.asked().await, [["none", "a"]]);
    assert_eq!(cache.stats().failed_loads, 0);
}

#[tokio::test]
async fn an_event_keeps_out_what_it_evicts_and_nothing_else() {
    let bus = Bus::in_process();
    let (users, cache) = live(&bus).await;
    evicts_only_its_key(&users, &cache).await;
}

#[tokio::test]
async fn an_event_of_another_instance_keeps_out_what_it_evicts_and_nothing_else() {
    let server = support::Server::start().await;
    let (users, cache) = live(&connect(&server.url()).await).await;
    let (others, other) = live(&connect(&server.url()).await).await;
    Source::free().read(&cache, &["here"]).await;

    let source = Source::held();
    let mut read = pin!(source.read(&cache, &["a", "b", "c"]));
    assert!(poll_once(read.as_mut()).is_none());
    let both = ["b", "here"].map(str::to_owned).to_vec();
    let mut events = users.events();
    others.invalidate_users(both).await.unwrap();
    // A stream has it when all caches have applied it.
    within("the event", events.recv()).await;
    assert!(!cache.contains("here"));
    source.release();
    assert_eq!(within("the load", read).await, values(&["a", "b", "c"]));
    assert_eq!(held(&cache), ["a", "c"]);
    assert_eq!(held(&other), [""; 0]);
}

async fn evicts_only_its_key(users: &Users, cache: &Cache) {
    let mut events = users.events();
    // It evicts again when it has come back.
    let mut evict_b = async || {
        users.invalidate_user("b").await.unwrap();
        within("the event", events.recv()).await;
    };
    let source = Source::held();
    let mut read = pin!(source.read(cache, &["a", "b", "c"]));
    assert!(poll_once(read.as_mut()).is_none());
    evict_b().await;
    let late = Source::free();
    let read_late = within("who came after the event", late.read(cache, &["b"])).await;
    assert_eq!(
        (read_late, late.asked().await),
        (values(&["b"]), vec![vec!["b".to_owned()]])
    );
    evict_b().await;
    source.release();
    // Whoever came before the event may have it.
    assert_eq!(within("the load", read).await, values(&["a", "b", "c"]));
    assert_eq!(held(cache), ["a", "c"]);
    assert_eq!(cache.stats().overtaken_loads, 1);

    let source = Source::held();
    let mut read = pin!(source.read(cache, &["d", "e"]));
    assert!(poll_once(read.as_mut()).is_none());
    users.invalidate_all().await.unwrap();
    source.release();
    assert_eq!(within("the load", read).await, values(&["d", "e"]));
    assert_eq!(held(cache), [""; 0]);
}

#[tokio::test]
async fn a_failure_is_that_of_all_who_wait_for_one_of_the_keys() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let go_on = Semaphore::new(0);
    let fails = async |_: Vec<String>| {
        drop(go_on.acquire().await);
        Err::<Vec<_>, _>("as the test wants it")
    };
    let mut one = pin!(cache.try_get_many_or_load(["a", "b"], fails));
    assert!(poll_once(one.as_mut()).is_none());
    let never = async || Err::<u64, _>("loaded by another");
    let mut two = pin!(cache.try_get_or_load("a", never));
    assert!(poll_once(two.as_mut()).is_none());
    let others = async |keys: Vec<String>| {
        assert_eq!(keys, ["c"]);
        Ok::<_, &str>([("c".to_owned(), 3)])
    };
    let mut three = pin!(cache.try_get_many_or_load(["b", "c"], others));
    assert!(poll_once(three.as_mut()).is_none());
    // It knows no such error.
    let mut four = pin!(cache.get_or_load("b", async || 4));
    assert!(poll_once(four.as_mut()).is_none());
    go_on.close();
    assert_eq!(*one.await.unwrap_err(), "as the test wants it");
    assert_eq!(*two.await.unwrap_err(), "as the test wants it");
    assert_eq!(*three.await.unwrap_err(), "as the test wants it");
    assert_eq!(within("the fourth", four).await, 4);
    assert_eq!(held(&cache), ["b", "c"]);
    let stats = cache.stats();
    assert_eq!((stats.failed_loads, stats.loading), (2, 0));
}

#[tokio::test]
async fn expired_entries_stand_in_if_there_is_one_for_each_key() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let builder = builder(&users).stale_on_error(HOUR).clock(&clock);
    let cache = builder.build().unwrap();
    bus.ready().await.unwrap();
    Source::free().read(&cache, &["a", "b"]).await;
    clock.advance(HOUR);
    let fails = async |_: Vec<String>| Err::<Vec<_>, _>("as the test wants it");
    let read = cache.try_get_many_or_load(["a", "b"], fails).await;
    let mut read: Vec<_> = read.unwrap().into_iter().collect();
    read.sort();
    assert_eq!(read, values(&["a", "b"]));
    assert!(cache.try_get_many_or_load(["a", "c"], fails).await.is_err());
    users.invalidate_user("a").await.unwrap();
    assert!(cache.try_get_many_or_load(["a", "b"], fails).await.is_err());
}

#[tokio::test]
async fn whoever_waits_loads_what_a_panic_or_a_drop_has_left() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let go_on = Arc::new(Semaphore::new(0));
    let panics = {
        let (cache, go_on) = (cache.clone(), Arc::clone(&go_on));
        tokio::spawn(async move {
            let load = async |_: Vec<String>| {
                drop(go_on.acquire().await);
                assert!(!go_on.is_closed(), "as the test wants it");
                []
            };
            cache.get_many_or_load(["a", "b", "c"], load).await
        })
    };
    let begun = async || cache.stats().loading;
    eventually("the load to begin", begun, |loading| *loading == 3).await;
    let mut dropped = Box::pin(cache.get_many_or_load(["c", "d"], |_| pending::<Vec<_>>()));
    assert!(poll_once(dropped.as_mut()).is_none());
    let source = Source::free();
    let mut waits = pin!(source.read(&cache, &["a", "b", "d"]));
    assert!(poll_once(waits.as_mut()).is_none());
    go_on.close();
    assert!(panics.await.unwrap_err().is_panic());
    assert!(poll_once(waits.as_mut()).is_none(), "`d` is being loaded");
    assert_eq!(source.asked().await, [["a", "b"]], "left by the panic");
    drop(dropped);
    assert_eq!(within("the rest", waits).await, values(&["a", "b", "d"]));
    assert_eq!(source.asked().await[1..], [["d"]], "left by the drop");
    let stats = cache.stats();
    assert_eq!((stats.failed_loads, stats.loading), (4, 0));
}

#[tokio::test]
async fn one_call_needs_one_permit() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = builder(&users).max_concurrent_loads(1).build().unwrap();
    bus.ready().await.unwrap();
    let (first, second) = (Source::held(), Source::free());
    let mut one = pin!(first.read(&cache, &["a", "b"]));
    assert!(poll_once(one.as_mut()).is_none());
    assert_eq!(first.asked().await, [["a", "b"]]);
    let mut two = pin!(second.read(&cache, &["c", "d", "b"]));
    assert!(poll_once(two.as_mut()).is_none());
    assert_eq!(second.asked().await.len(), 0, "it waits for the permit");
    // What an event evicts meanwhile is loaded all the same, and stored.
    let mut events = users.events();
    users.invalidate_user("c").await.unwrap();
    within("the event", events.recv()).await;
    first.release();
    assert_eq!(within("the first", one).await, values(&["a", "b"]));
    assert_eq!(within("the second", two).await, values(&["b", "c", "d"]));
    assert_eq!(second.asked().await.len(), 1);
    assert_eq!(held(&cache), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn nobody_waits_for_loads_that_hang_or_for_itself() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = builder(&users).load_wait(Duration::from_millis(30));
    let cache = cache.build().unwrap();
    bus.ready().await.unwrap();
    let mut hung = pin!(cache.get_many_or_load(["a", "b"], |_| pending::<Vec<_>>()));
    assert!(poll_once(hung.as_mut()).is_none());
    let source = Source::free();
    let read = within("the next", source.read(&cache, &["a", "b", "c"])).await;
    assert_eq!(read, values(&["a", "b", "c"]));
    assert_eq!(source.asked().await, [vec!["c"], vec!["a", "b"]]);
    assert_eq!(cache.stats().hung_loads, 2);

    let nested = async |keys: Vec<String>| {
        let keys = keys.iter().map(String::as_str).chain(["f"]);
        source.read(&cache, &keys.collect::<Vec<_>>()).await
    };
    let read = cache.get_many_or_load(["d", "e"], nested);
    assert_eq!(within("itself", read).await.len(), 2);
    assert_eq!(cache.stats().hung_loads, 4);
    assert_eq!(held(&cache), ["a", "b", "c", "d", "e", "f"]);
}

/// Those who come after an event may not share what was loaded before it, although it is not known.
#[tokio::test]
async fn while_the_cache_is_bypassed_only_loads_that_begin_later_are_shared() {
    let bus = Bus::in_process();
    let (_users, cache) = live(&bus).await;
    bus.close().await;
    let source = Source::held();
    let mut one = pin!(source.read(&cache, &["a", "b"]));
    assert!(poll_once(one.as_mut()).is_none());
    let mut two = pin!(source.read(&cache, &["a", "b"]));
    assert!(poll_once(two.as_mut()).is_none());
    source.release();
    assert_eq!(within("the first", one).await, values(&["a", "b"]));
    assert_eq!(within("the second", two).await, values(&["a", "b"]));
    assert_eq!(source.asked().await.len(), 2);
    assert_eq!(held(&cache), [""; 0]);
}

#[tokio::test]
async fn many_callers_of_many_keys_finish() {
    const KEYS: usize = 300;
    let (users, cache) = live(&Bus::in_process()).await;
    let mut callers = JoinSet::new();
    for caller in 0..50 {
        let cache = cache.clone();
        callers.spawn(async move {
            let source = Source::free();
            let keys: Vec<_> = (0..KEYS)
                .map(|key| ((key * (caller + 1)) % KEYS).to_string())
                .collect();
            let keys: Vec<_> = keys.iter().map(String::as_str).collect();
            let mut expected = values(&keys);
            expected.sort();
            expected.dedup();
            assert_eq!(source.read(&cache, &keys).await, expected);
        });
    }
    users.invalidate_guild("1").await.unwrap();
    within("all", callers.join_all()).await;
    assert_eq!(cache.stats().loading, 0);
}
