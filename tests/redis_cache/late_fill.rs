//! A load that was overtaken by an event cannot put the old value back.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{eventually, within};
use tokio::task::JoinHandle;

use crate::coherent::{Instance, evict};
use crate::fixture::{
    LONG, Place, SHORT, Source, TextEvent, Texts, builder, in_both_places, lasting, never, text,
};

type Loading = JoinHandle<Result<String, cache_runtime::redis::LoadError<Infallible>>>;

/// Begins to load `a:1`.
async fn begin(instance: &Instance, source: &Source) -> Loading {
    let (cache, load) = (instance.cache.clone(), source.clone());
    let loading = tokio::spawn(async move { cache.try_get_or_load("a:1", || load.load()).await });
    source.has_begun().await;
    loading
}

fn events() -> [TextEvent; 7] {
    [
        TextEvent::Text { key: "a:1".into() },
        TextEvent::Texts {
            keys: vec!["b".into(), "a:1".into()],
        },
        TextEvent::Group {
            prefix: "a:".into(),
        },
        TextEvent::Reading { text: "old".into() },
        TextEvent::Tagged { tag: "?".into() },
        TextEvent::Panic,
        TextEvent::All,
    ]
}

/// Asserts that neither level of either instance has the key.
async fn nothing_is_back(place: &Place, here: &Instance, there: &Instance, event: &TextEvent) {
    assert_eq!(here.get("a:1").await, None, "{event:?}");
    assert_eq!(there.get("a:1").await, None, "{event:?}");
    let fresh = Instance::new(place).await;
    assert_eq!(fresh.get("a:1").await, None, "{event:?}");
    // The next load is stored at once.
    fresh.fill("a:1", "new").await;
    assert_eq!(
        here.cache.try_get_or_load("a:1", never).await.unwrap(),
        "new",
        "{event:?}"
    );
    fresh.texts.invalidate_all().await.unwrap();
    here.loses("a:1").await;
}

async fn after_an_event_of_this_instance(place: &Place) {
    let (here, there) = (Instance::new(place).await, Instance::new(place).await);
    for event in events() {
        let source = Source::held("old");
        let loading = begin(&here, &source).await;
        here.texts.publish(&event).await.unwrap();
        source.release();
        // A caller that asked before the event may get the old value.
        assert_eq!(loading.await.unwrap().unwrap(), "old");
        nothing_is_back(place, &here, &there, &event).await;
    }
}

async fn after_an_event_of_another_instance(place: &Place) {
    let (here, there) = (Instance::new(place).await, Instance::new(place).await);
    for event in events() {
        let source = Source::held("old");
        let loading = begin(&here, &source).await;
        // The publisher deletes in Redis first, so the event need not have arrived here.
        there.texts.publish(&event).await.unwrap();
        source.release();
        assert_eq!(loading.await.unwrap().unwrap(), "old");
        nothing_is_back(place, &here, &there, &event).await;
    }
}

async fn after_an_event_of_somebody_else(place: &Place) {
    let (here, there) = (Instance::new(place).await, Instance::new(place).await);
    for event in events() {
        let source = Source::held("old");
        let seen = here.texts.stats().received;
        let loading = begin(&here, &source).await;
        let payload = cache_runtime::InvalidationEvent::encode(&event).unwrap();
        place.publish(std::str::from_utf8(&payload).unwrap()).await;
        let received = async || here.texts.stats().received;
        eventually("the event to arrive", received, |now| *now > seen).await;
        source.release();
        assert_eq!(loading.await.unwrap().unwrap(), "old");
        nothing_is_back(place, &here, &there, &event).await;
    }
}

async fn a_caller_after_the_event_is_not_given_it(place: &Place) {
    let here = Instance::new(place).await;
    for event in events() {
        let old = Source::held("old");
        let seen = here.texts.stats().received;
        let loading = begin(&here, &old).await;
        here.texts.publish(&event).await.unwrap();
        // The instance receives its own event, too.
        let received = async || here.texts.stats().received;
        eventually("the event to be received", received, |now| *now > seen).await;
        // A later caller does not wait for a load that began before the event. Where the closure
        // has panicked, a flush may follow yet.
        let stored = async || {
            let after = here.cache.try_get_or_load("a:1", || text("new"));
            let after = within("the new load", after).await.unwrap();
            assert_eq!(after, "new", "{event:?}");
            here.get("a:1").await
        };
        eventually("the value to stay", stored, Option::is_some).await;
        old.release();
        assert_eq!(loading.await.unwrap().unwrap(), "old");
        assert_eq!(here.get("a:1").await.as_deref(), Some("new"));
        let fresh = Instance::new(place).await;
        assert_eq!(fresh.get("a:1").await.as_deref(), Some("new"));
        let seen = here.texts.stats().received;
        here.texts.invalidate_all().await.unwrap();
        let received = async || here.texts.stats().received;
        eventually("the event to be received", received, |now| *now > seen).await;
    }
}

async fn an_event_for_another_key_bars_nothing(place: &Place) {
    let here = Instance::new(place).await;
    let source = Source::held("A");
    let loading = begin(&here, &source).await;
    let mut events = here.texts.events();
    here.texts.invalidate_text("a:2").await.unwrap();
    here.texts.invalidate_other().await.unwrap();
    // While an event is applied, nothing is stored. A stream has it afterwards.
    for _ in 0..2 {
        within("an event", events.recv()).await;
    }
    source.release();
    assert_eq!(loading.await.unwrap().unwrap(), "A");
    assert_eq!(
        Instance::new(place).await.get("a:1").await.as_deref(),
        Some("A")
    );
}

async fn a_refresh_is_barred_as_well(place: &Place) {
    const MINUTE: Duration = Duration::from_secs(60);
    let bus = place.instance().await;
    let texts = Texts::new(&bus);
    let old = lasting(&bus, MINUTE / 2)
        .evict_on(&texts, evict)
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    for event in events() {
        let source = Source::held("late");
        let cache = builder(&bus)
            .memory(LONG, 10)
            .refresh_ahead(MINUTE, source.loader())
            .evict_on(&texts, evict);
        let cache = cache.build().unwrap();
        old.try_get_or_load("a:1", || text("old")).await.unwrap();
        let served = cache.try_get_or_load("a:1", never).await;
        assert_eq!(served.unwrap(), "old");
        source.has_begun().await;
        let refused = cache.stats().refused;
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let _last = texts.subscribe_inline(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        texts.publish(&event).await.unwrap();
        // When it is published, and when it is received: the next round must not meet it.
        let told = async || told.load(Ordering::SeqCst);
        eventually("the event to be applied twice", told, |told| *told >= 2).await;
        source.release();
        let now = async || cache.stats().refused;
        eventually("the refresh to be refused", now, |now| *now > refused).await;
        assert_eq!(cache.get("a:1").await.unwrap(), None, "{event:?}");
        assert_eq!(old.get("a:1").await.unwrap(), None, "{event:?}");
    }
}

async fn nor_after_redis_was_flushed(place: &Place) {
    let here = Instance::new(place).await;
    here.fill("b", "B").await;
    let source = Source::held("old");
    let loading = begin(&here, &source).await;
    place.flush().await;
    source.release();
    assert_eq!(loading.await.unwrap().unwrap(), "old");
    assert_eq!(
        place.stored("cache-runtime:coherent:{texts}:v:a:1").await,
        None
    );
    assert_eq!(here.cache.stats().refused, 1);
    assert_eq!(here.get("a:1").await, None);
    here.fill("a:1", "new").await;
    assert_eq!(
        Instance::new(place).await.get("a:1").await.as_deref(),
        Some("new")
    );
}

async fn a_load_that_is_too_slow_is_not_stored(place: &Place) {
    let bus = place.instance().await;
    let texts = Texts::new(&bus);
    let cache = builder(&bus)
        .memory(LONG, 10)
        .lock_ttl(SHORT)
        .evict_on(&texts, evict);
    let cache = cache.build().unwrap();
    bus.ready().await.unwrap();
    let source = Source::held("old");
    let loading = tokio::spawn({
        let (cache, source) = (cache.clone(), source.clone());
        async move { cache.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    let token = async || place.stored("cache-runtime:coherent:{texts}:t:a").await;
    eventually("the token to end", token, Option::is_none).await;
    source.release();
    assert_eq!(loading.await.unwrap().unwrap(), "old");
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.stats().refused, 1);
}

/// Two instances load at once; the one without the token stores nothing in Redis.
async fn without_a_wait_the_second_leaves_redis_to_the_first(place: &Place) {
    let (here, there) = (Instance::new(place).await, Instance::new(place).await);
    let source = Source::held("first");
    let loading = begin(&here, &source).await;
    there.fill("a:1", "second").await;
    assert_eq!(
        place.stored("cache-runtime:coherent:{texts}:v:a:1").await,
        None
    );
    source.release();
    assert_eq!(loading.await.unwrap().unwrap(), "first");
    let fresh = Instance::new(place).await;
    assert_eq!(fresh.get("a:1").await.as_deref(), Some("first"));
    assert_eq!(
        there.get("a:1").await.as_deref(),
        Some("second"),
        "in memory"
    );
    here.texts.invalidate_text("a:1").await.unwrap();
    there.loses("a:1").await;
}

in_both_places!(
    after_an_event_of_this_instance,
    after_an_event_of_another_instance,
    after_an_event_of_somebody_else,
    a_caller_after_the_event_is_not_given_it,
    an_event_for_another_key_bars_nothing,
    a_refresh_is_barred_as_well,
    nor_after_redis_was_flushed,
    a_load_that_is_too_slow_is_not_stored,
    without_a_wait_the_second_leaves_redis_to_the_first,
);
