//! Groups of entries, each of which an event evicts by one command.

use cache_runtime::__private::Keyspace;
use cache_runtime::RedisCache;
use support::{Server, eventually, within};

use crate::coherent::{Instance, evict};
use crate::fixture::{LONG, Place, Source, Texts, builder, in_both_places, never};

const KEYS: [&str; 4] = ["a:1", "a:2", "b:1", "alone"];
const GENERATION: &str = "cache-runtime:coherent:{texts}:g";
const OF_A: &str = "cache-runtime:coherent:{texts}:g:a";

/// What is in front of the colon.
fn group(key: &str) -> Option<String> {
    let (group, rest) = key.split_once(':')?;
    assert_ne!(rest, "panics", "as the test wants it");
    Some(group.to_owned())
}

async fn instance(place: &Place, memory: bool) -> Instance {
    let bus = place.instance().await;
    let texts = Texts::new(&bus);
    let mut cache = builder(&bus).group_by(group);
    if memory {
        cache = cache.memory(LONG, 200);
    }
    let cache = cache.evict_on(&texts, evict).build().unwrap();
    bus.ready().await.unwrap();
    Instance { bus, texts, cache }
}

async fn fill(instance: &Instance) {
    for key in KEYS {
        instance.fill(key, key).await;
    }
}

/// Two instances that have all keys, also in memory.
async fn filled(place: &Place) -> (Instance, Instance) {
    let (here, there) = (instance(place, true).await, instance(place, true).await);
    fill(&here).await;
    for key in KEYS {
        assert_eq!(there.cache.try_get_or_load(key, never).await.unwrap(), key);
    }
    (here, there)
}

async fn left(instance: &Instance) -> Vec<&'static str> {
    instance.has_of(&KEYS).await
}

async fn one_is_evicted_everywhere(place: &Place) {
    let (here, there) = filled(place).await;
    here.texts.invalidate_tagged("a").await.unwrap();
    assert_eq!(
        place.stored(OF_A).await,
        None,
        "deleted before the event left"
    );
    assert_eq!(left(&here).await, ["b:1", "alone"]);
    there.loses("a:1").await;
    assert_eq!(left(&there).await, ["b:1", "alone"]);
    // An instance with an empty memory shows what is in Redis.
    let fresh = instance(place, true).await;
    assert_eq!(left(&fresh).await, ["b:1", "alone"]);
    here.fill("a:1", "new").await;
    assert_eq!(there.get("a:1").await.as_deref(), Some("new"));
    assert_eq!(there.get("a:2").await, None, "it does not come back");
    let stats = (here.cache.stats(), there.cache.stats());
    assert_eq!(stats.0.evicting_events, 1);
    assert_eq!(
        stats.1.evictions.event, 2,
        "in memory too, no more than that"
    );
}

/// Such a publisher deletes nothing in Redis.
async fn one_is_evicted_by_somebody_else(place: &Place) {
    let (here, there) = filled(place).await;
    place.publish(r#"{"type":"tagged","tag":"a"}"#).await;
    here.loses("a:1").await;
    there.loses("a:2").await;
    assert_eq!(left(&there).await, ["b:1", "alone"]);
    assert_eq!(left(&instance(place, true).await).await, ["b:1", "alone"]);
}

async fn entries_are_evicted_by_their_keys_too(place: &Place) {
    let (here, there) = filled(place).await;
    here.texts.invalidate_text("a:1").await.unwrap();
    here.texts.invalidate_text("alone").await.unwrap();
    there.loses("alone").await;
    for instance in [&here, &there, &instance(place, false).await] {
        assert_eq!(left(instance).await, ["a:2", "b:1"]);
    }
    here.texts.invalidate_all().await.unwrap();
    for instance in [&here, &instance(place, false).await] {
        assert!(left(instance).await.is_empty());
    }
}

/// Whoever publishes, and whether or not there is a memory level.
async fn a_load_that_one_overtakes_is_not_stored(place: &Place) {
    for (memory, own) in [(false, false), (false, true), (true, false), (true, true)] {
        let (here, there) = (instance(place, memory).await, instance(place, memory).await);
        let (old, other) = (Source::held("old"), Source::held("other"));
        let load = |key: &'static str, source: &Source| {
            let (cache, source) = (here.cache.clone(), source.clone());
            tokio::spawn(async move { cache.try_get_or_load(key, || source.load()).await })
        };
        let loading = [load("a:1", &old), load("b:1", &other)];
        old.has_begun().await;
        other.has_begun().await;
        let publisher = if own { &here } else { &there };
        publisher.texts.invalidate_tagged("a").await.unwrap();
        let received = async || here.texts.stats().received;
        eventually("the event to arrive", received, |received| *received > 0).await;
        old.release();
        other.release();
        for loading in loading {
            loading.await.unwrap().unwrap();
        }
        for instance in [&here, &there, &instance(place, memory).await] {
            assert_eq!(instance.get("a:1").await, None, "memory: {memory}, {own}");
            let other = instance.get("b:1").await;
            assert_eq!(other.as_deref(), Some("other"), "memory: {memory}, {own}");
        }
        here.fill("a:1", "new").await;
        assert_eq!(there.get("a:1").await.as_deref(), Some("new"));
        here.texts.invalidate_all().await.unwrap();
        there.loses("b:1").await;
    }
}

async fn several_are_read_and_loaded_together(place: &Place) {
    let (here, there) = (instance(place, false).await, instance(place, false).await);
    let read = async |instance: &Instance, value: &str| {
        let load = async |keys: Vec<String>| {
            let loaded = keys.into_iter().map(|key| (key, value.to_owned()));
            loaded.collect::<Vec<_>>()
        };
        let found = instance.cache.get_many_or_load(KEYS, load).await.unwrap();
        KEYS.map(|key| found[key].clone())
    };
    assert_eq!(read(&here, "old").await, ["old"; 4]);
    assert_eq!(read(&there, "never").await, ["old"; 4]);
    // It would delete once more when it receives the event.
    there.bus.close().await;
    let mut events = here.texts.events();
    here.texts.invalidate_tagged("a").await.unwrap();
    // While an event is applied, nothing is stored. A stream has it afterwards.
    within("the event", events.recv()).await;
    let fresh = instance(place, false).await;
    assert_eq!(read(&fresh, "new").await, ["new", "new", "old", "old"]);
    assert_eq!(read(&here, "never").await, ["new", "new", "old", "old"]);
}

/// A server under pressure may drop any key, and bring an old value back after a restart.
async fn a_lost_generation_makes_no_old_entry_valid(place: &Place) {
    let here = instance(place, false).await;
    fill(&here).await;
    let old = place.stored(OF_A).await.unwrap();
    let kv = Keyspace::new(&place.instance().await);
    kv.delete(&[OF_A]).await.unwrap();
    assert_eq!(left(&here).await, ["b:1", "alone"]);
    here.fill("a:1", "new").await;
    assert_ne!(place.stored(OF_A).await.unwrap(), old);
    assert_eq!(left(&here).await, ["a:1", "b:1", "alone"]);
    // The group's generation is no generation without that of the cache.
    kv.delete(&[GENERATION]).await.unwrap();
    assert!(left(&here).await.is_empty());
    here.fill("alone", "new").await;
    assert_eq!(left(&here).await, ["alone"]);
}

async fn entries_carry_both_generations(place: &Place) {
    let here = instance(place, false).await;
    fill(&here).await;
    let text = async |key: &str| {
        let stored = place.stored(key).await;
        String::from_utf8(stored.expect("it is there")).unwrap()
    };
    let (generation, group) = (text(GENERATION).await, text(OF_A).await);
    let entry = |key| format!("cache-runtime:coherent:{{texts}}:v:{key}");
    assert_eq!(
        text(&entry("a:1")).await,
        format!("{generation}.{group}:+\"a:1\"")
    );
    assert_eq!(
        text(&entry("alone")).await,
        format!("{generation}:+\"alone\"")
    );
    assert!(place.ttl(OF_A).await > LONG, "it outlives them");
}

/// It is not known in which group an entry is.
async fn a_panic_evicts_everything(place: &Place) {
    let here = instance(place, true).await;
    fill(&here).await;
    let read = tokio::spawn({
        let cache = here.cache.clone();
        async move { cache.get("a:panics").await }
    });
    assert!(read.await.unwrap_err().is_panic());
    here.texts.invalidate_text("a:panics").await.unwrap();
    let fresh = instance(place, true).await;
    assert!(left(&fresh).await.is_empty());
    fresh.fill("a:1", "new").await;
    assert_eq!(fresh.get("a:1").await.as_deref(), Some("new"));
}

in_both_places!(
    one_is_evicted_everywhere,
    one_is_evicted_by_somebody_else,
    entries_are_evicted_by_their_keys_too,
    a_load_that_one_overtakes_is_not_stored,
    several_are_read_and_loaded_together,
    a_lost_generation_makes_no_old_entry_valid,
    entries_carry_both_generations,
    a_panic_evicts_everything,
);

#[tokio::test]
async fn a_hundred_entries_are_evicted_by_one_command() {
    let place = Place::over(Server::start().await);
    let Place::Redis(server, _) = &place else {
        unreachable!("it is over a server");
    };
    let here = instance(&place, true).await;
    for number in 0..100 {
        here.fill(&format!("a:{number}"), "old").await;
    }
    let admin = server.admin().await;
    let (before, keys) = (
        admin.calls("del").await,
        admin.run::<u64>(&["DBSIZE"]).await,
    );
    here.texts.invalidate_tagged("a").await.unwrap();
    assert_eq!(admin.calls("del").await - before, 1);
    assert_eq!(admin.run::<u64>(&["DBSIZE"]).await, keys - 1);
    for number in 0..100 {
        assert_eq!(here.get(&format!("a:{number}")).await, None);
    }
}

#[tokio::test]
async fn need_an_event() {
    let bus = cache_runtime::Bus::in_process();
    let built = RedisCache::<String>::builder(&bus, "no-event", LONG)
        .group_by(group)
        .build();
    let error = built.unwrap_err().to_string();
    assert!(error.contains("`no-event`"), "{error}");
    assert!(
        error.contains("group_by") && error.contains("evict_on"),
        "{error}"
    );
}
