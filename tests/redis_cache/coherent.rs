//! Events evict from both levels, on all instances.

use cache_runtime::redis::Coherent;
use cache_runtime::{Bus, Evict, InvalidationEvent, RedisCache};
use support::eventually;
use tokio::sync::mpsc::unbounded_channel;

use crate::fixture::{LONG, Place, TextEvent, Texts, builder, in_both_places, never, text};

/// What each event evicts.
pub(crate) fn evict(event: &TextEvent) -> Evict<String> {
    match event {
        TextEvent::Text { key } => Evict::key(key),
        TextEvent::Texts { keys } => Evict::keys(keys),
        TextEvent::Group { prefix } => Evict::prefix(prefix),
        TextEvent::Reading { text } => {
            let text = text.clone();
            Evict::matching_entry(move |_, found: &String| *found == text)
        }
        TextEvent::Number { number } => {
            let number = *number;
            Evict::matching_entry(move |_, found: &u32| *found == number)
        }
        TextEvent::Tagged { tag } => Evict::tag(tag),
        TextEvent::Other => Evict::Nothing,
        TextEvent::Panic => panic!("as the test wants it"),
        TextEvent::All => Evict::All,
    }
}

/// An instance with two levels.
pub(crate) struct Instance {
    pub(crate) bus: Bus,
    pub(crate) texts: Texts,
    pub(crate) cache: RedisCache<String, Coherent>,
}

impl Instance {
    pub(crate) async fn new(place: &Place) -> Self {
        Self::on(place.instance().await).await
    }

    pub(crate) async fn on(bus: Bus) -> Self {
        let texts = Texts::new(&bus);
        let cache = builder(&bus).memory(LONG, 100).evict_on(&texts, evict);
        let cache = cache.build().unwrap();
        bus.ready().await.unwrap();
        Self { bus, texts, cache }
    }

    pub(crate) async fn fill(&self, key: &str, value: &str) {
        let got = self.cache.try_get_or_load(key, || text(value)).await;
        assert_eq!(got.unwrap(), value);
    }

    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        self.cache.get(key).await.unwrap()
    }

    /// Which of the keys it has.
    pub(crate) async fn has_of(&self, keys: &[&'static str]) -> Vec<&'static str> {
        let mut left = Vec::new();
        for key in keys {
            if self.get(key).await.is_some() {
                left.push(*key);
            }
        }
        left
    }

    pub(crate) async fn loses(&self, key: &str) {
        let get = async || self.get(key).await;
        eventually("the entry to be evicted", get, Option::is_none).await;
    }
}

const KEYS: [&str; 4] = ["a:1", "a:2", "b:1", "b:2"];

/// Two instances that have all keys in both levels.
async fn filled(place: &Place) -> (Instance, Instance) {
    let (here, there) = (Instance::new(place).await, Instance::new(place).await);
    for key in KEYS {
        here.fill(key, key).await;
        assert_eq!(there.cache.try_get_or_load(key, never).await.unwrap(), key);
    }
    (here, there)
}

async fn left(instance: &Instance) -> Vec<&'static str> {
    instance.has_of(&KEYS).await
}

async fn a_key_is_evicted_everywhere(place: &Place) {
    let (here, there) = filled(place).await;
    here.texts.invalidate_text("a:1").await.unwrap();
    // The publisher evicts at once, without waiting for its own event.
    assert_eq!(left(&here).await, ["a:2", "b:1", "b:2"]);
    assert_eq!(
        place.stored("cache-runtime:coherent:{texts}:v:a:1").await,
        None,
        "deleted before the event left"
    );
    there.loses("a:1").await;
    assert_eq!(left(&there).await, ["a:2", "b:1", "b:2"]);
    here.fill("a:1", "new").await;
    assert_eq!(there.get("a:1").await.as_deref(), Some("new"));
    assert_eq!(
        here.cache.stats().evicting_events,
        1,
        "not again when it came back"
    );
    let there = there.cache.stats();
    assert_eq!((there.evicting_events, there.evictions.event), (1, 1));
}

async fn several_keys_are_evicted_everywhere(place: &Place) {
    let (here, there) = filled(place).await;
    let keys = vec!["a:1".to_owned(), "b:2".to_owned(), "none".to_owned()];
    here.texts
        .publish(&TextEvent::Texts { keys })
        .await
        .unwrap();
    assert_eq!(left(&here).await, ["a:2", "b:1"]);
    there.loses("b:2").await;
    assert_eq!(left(&there).await, ["a:2", "b:1"]);
}

/// However the event comes: published here, or by somebody who does not delete in Redis.
async fn thousands_of_keys_evict_no_others(place: &Place) {
    let (here, there) = filled(place).await;
    for published_here in [true, false] {
        let mut keys: Vec<_> = (0..5_000).map(|key| format!("key-{key}")).collect();
        let last = if published_here { "a:1" } else { "b:2" };
        keys.push(last.to_owned());
        let event = TextEvent::Texts { keys };
        if published_here {
            here.texts.publish(&event).await.unwrap();
        } else {
            let payload = cache_runtime::InvalidationEvent::encode(&event).unwrap();
            place.publish(std::str::from_utf8(&payload).unwrap()).await;
        }
        here.loses(last).await;
        there.loses(last).await;
    }
    let fresh = Instance::new(place).await;
    assert_eq!(left(&fresh).await, ["a:2", "b:1"], "still in Redis");
}

async fn a_prefix_is_evicted_in_memory_and_everything_in_redis(place: &Place) {
    let (here, there) = filled(place).await;
    here.texts.invalidate_group("a:").await.unwrap();
    // Both read from memory.
    assert_eq!(left(&here).await, ["b:1", "b:2"]);
    there.loses("a:1").await;
    assert_eq!(left(&there).await, ["b:1", "b:2"]);
    // No entry in Redis is valid any more.
    let fresh = Instance::new(place).await;
    assert!(left(&fresh).await.is_empty());
    fresh.fill("b:1", "new").await;
    assert_eq!(here.get("b:1").await.as_deref(), Some("b:1"));
}

async fn a_value_is_evicted_in_memory_and_everything_in_redis(place: &Place) {
    let (here, there) = filled(place).await;
    here.texts.invalidate_reading("a:1").await.unwrap();
    // Both read from memory.
    assert_eq!(left(&here).await, ["a:2", "b:1", "b:2"]);
    there.loses("a:1").await;
    assert_eq!(left(&there).await, ["a:2", "b:1", "b:2"]);
    let fresh = Instance::new(place).await;
    assert!(left(&fresh).await.is_empty());
}

/// Neither a tag nor a value of another type can be looked for.
async fn what_cannot_be_looked_for_evicts_everything(place: &Place) {
    for event in [
        TextEvent::Number { number: 1 },
        TextEvent::Tagged { tag: "a".into() },
    ] {
        let (here, there) = filled(place).await;
        here.texts.publish(&event).await.unwrap();
        assert!(left(&here).await.is_empty());
        there.loses("b:2").await;
        assert!(left(&there).await.is_empty());
    }
}

/// What a load returns later could not be asked about.
async fn a_value_that_is_on_its_way_is_not_stored(place: &Place) {
    let here = Instance::new(place).await;
    let load = async || {
        here.texts.invalidate_reading("other").await.unwrap();
        text("A").await
    };
    assert_eq!(here.cache.try_get_or_load("a", load).await.unwrap(), "A");
    assert_eq!(here.get("a").await, None);
}

async fn everything_is_evicted_everywhere(place: &Place) {
    let (here, there) = filled(place).await;
    here.texts.invalidate_all().await.unwrap();
    assert!(left(&here).await.is_empty());
    there.loses("b:2").await;
    assert!(left(&there).await.is_empty());
    // A new generation does not make old entries valid again.
    here.fill("c", "C").await;
    assert!(left(&here).await.is_empty());
    assert_eq!(there.get("c").await.as_deref(), Some("C"));
}

/// Also where a catch-all arm of the closure takes it for an event that evicts nothing.
async fn the_event_that_everything_is_stale_evicts_everything(place: &Place) {
    let bus = place.instance().await;
    let texts = Texts::new(&bus);
    let cache = builder(&bus)
        .memory(LONG, 10)
        .evict_on(&texts, |_| Evict::Nothing);
    let cache = cache.build().unwrap();
    bus.ready().await.unwrap();
    assert_eq!(cache.try_get_or_load("a", || text("A")).await.unwrap(), "A");
    texts.invalidate_text("a").await.unwrap();
    assert_eq!(cache.get("a").await.unwrap().as_deref(), Some("A"));
    texts.invalidate_all().await.unwrap();
    assert_eq!(cache.get("a").await.unwrap(), None);
}

async fn an_event_that_evicts_nothing_evicts_nothing(place: &Place) {
    let (here, _there) = filled(place).await;
    here.texts.invalidate_other().await.unwrap();
    here.texts
        .publish(&TextEvent::Texts { keys: Vec::new() })
        .await
        .unwrap();
    assert_eq!(left(&here).await, KEYS);
}

async fn a_closure_that_panics_evicts_everything(place: &Place) {
    let (here, there) = filled(place).await;
    // The publish succeeds nevertheless.
    here.texts.invalidate_panic().await.unwrap();
    assert!(left(&here).await.is_empty());
    there.loses("b:2").await;
    assert!(left(&there).await.is_empty());
    let panics = async || there.texts.stats().panics;
    eventually("the panic to be counted", panics, |panics| *panics > 0).await;
}

/// A publisher in another language does not delete in Redis.
async fn an_event_of_somebody_else_is_applied_to_redis_as_well(place: &Place) {
    for (payload, gone) in [
        (r#"{"type":"text","key":"a:1"}"#, &KEYS[..1]),
        (r#"{"type":"texts","keys":["a:1","a:2"]}"#, &KEYS[..2]),
        (r#"{"type":"group","prefix":"a:"}"#, &KEYS[..]),
        (r#"{"type":"all"}"#, &KEYS[..]),
    ] {
        let (here, there) = filled(place).await;
        // Called after the cache, because it has subscribed later.
        let (seen, mut arrived) = unbounded_channel();
        let _after = there.texts.subscribe_inline(move |event| {
            drop(seen.send(event.describe().to_string()));
        });
        place.publish(payload).await;
        arrived.recv().await.unwrap();
        // From now on the evicted entries must not be returned.
        assert_eq!(there.get("a:1").await, None, "{payload}");
        here.loses("a:1").await;
        // An instance with an empty memory shows what is in Redis.
        let fresh = Instance::new(place).await;
        let expected: Vec<_> = KEYS.iter().filter(|key| !gone.contains(key)).collect();
        assert_eq!(
            left(&fresh).await.iter().collect::<Vec<_>>(),
            expected,
            "{payload}"
        );
        here.texts.invalidate_all().await.unwrap();
    }
}

/// A publisher without the cache does not delete in Redis either.
async fn an_event_of_an_instance_without_the_cache_is_too(place: &Place) {
    let (here, there) = filled(place).await;
    let bus = place.instance().await;
    Texts::new(&bus).invalidate_text("a:1").await.unwrap();
    here.loses("a:1").await;
    there.loses("a:1").await;
    assert_eq!(
        place.stored("cache-runtime:coherent:{texts}:v:a:1").await,
        None
    );
}

async fn without_a_memory_level_redis_alone_is_evicted(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let (here_texts, there_texts) = (Texts::new(&here), Texts::new(&there));
    let here_cache = builder(&here).evict_on(&here_texts, evict).build().unwrap();
    let there_cache = builder(&there)
        .evict_on(&there_texts, evict)
        .build()
        .unwrap();
    here.ready().await.unwrap();
    there.ready().await.unwrap();
    here_cache.try_get_or_load("a", || text("A")).await.unwrap();
    assert_eq!(there_cache.try_get_or_load("a", never).await.unwrap(), "A");
    here_texts.invalidate_text("a").await.unwrap();
    assert_eq!(there_cache.get("a").await.unwrap(), None);
    assert_eq!(here_cache.stats().memory_hits, 0);
}

async fn entries_carry_their_generation(place: &Place) {
    let here = Instance::new(place).await;
    here.fill("a", "A").await;
    let value = String::from_utf8(
        place
            .stored("cache-runtime:coherent:{texts}:v:a")
            .await
            .unwrap(),
    )
    .unwrap();
    let generation = String::from_utf8(
        place
            .stored("cache-runtime:coherent:{texts}:g")
            .await
            .unwrap(),
    )
    .unwrap();
    assert_eq!(value, format!("{generation}:+\"A\""));
    assert!(place.ttl("cache-runtime:coherent:{texts}:v:a").await > LONG / 2);
    assert_eq!(
        place.stored("cache-runtime:coherent:{texts}:t:a").await,
        None
    );
    // Without its generation no entry is valid.
    let fresh = Instance::new(place).await;
    place
        .write("cache-runtime:coherent:{texts}:g", b"another")
        .await;
    assert_eq!(fresh.get("a").await, None);
}

in_both_places!(
    the_event_that_everything_is_stale_evicts_everything,
    a_key_is_evicted_everywhere,
    several_keys_are_evicted_everywhere,
    thousands_of_keys_evict_no_others,
    a_prefix_is_evicted_in_memory_and_everything_in_redis,
    a_value_is_evicted_in_memory_and_everything_in_redis,
    what_cannot_be_looked_for_evicts_everything,
    a_value_that_is_on_its_way_is_not_stored,
    everything_is_evicted_everywhere,
    an_event_that_evicts_nothing_evicts_nothing,
    a_closure_that_panics_evicts_everything,
    an_event_of_somebody_else_is_applied_to_redis_as_well,
    an_event_of_an_instance_without_the_cache_is_too,
    without_a_memory_level_redis_alone_is_evicted,
    entries_carry_their_generation,
);
