//! The load lock: one instance loads at a time.

use std::time::Duration;

use support::{eventually, within};

use crate::fixture::{LONG, Place, SHORT, Source, builder, in_both_places, never, text};

async fn the_others_wait_for_the_one_that_loads(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).load_lock(LONG).build().unwrap();
    let there = builder(&there).load_lock(LONG).build().unwrap();
    let source = Source::held("A");
    let loading = tokio::spawn({
        let (here, source) = (here.clone(), source.clone());
        async move { here.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    let waiting = tokio::spawn({
        let there = there.clone();
        async move { there.try_get_or_load("a", never).await }
    });
    let waits = async || there.stats().waits;
    eventually("the other instance to wait", waits, |waits| *waits == 1).await;
    source.release();
    assert_eq!(within("the value", waiting).await.unwrap().unwrap(), "A");
    assert_eq!(loading.await.unwrap().unwrap(), "A");
    assert_eq!(there.stats().loads, 0);
    assert_eq!(there.stats().given_up_waits, 0);
    // The lock is gone.
    assert_eq!(place.stored("cache-runtime:lock:{texts:a}").await, None);
}

async fn without_a_lock_no_instance_waits(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).build().unwrap();
    let there = builder(&there).build().unwrap();
    let source = Source::held("late");
    let loading = tokio::spawn({
        let (here, source) = (here.clone(), source.clone());
        async move { here.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    assert_eq!(
        there.try_get_or_load("a", || text("early")).await.unwrap(),
        "early"
    );
    source.release();
    assert_eq!(loading.await.unwrap().unwrap(), "late");
    assert_eq!(there.stats().waits, 0);
}

async fn the_wait_is_bounded(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).load_lock(LONG).build().unwrap();
    let there = builder(&there).load_lock(SHORT).build().unwrap();
    let source = Source::held("late");
    let loading = tokio::spawn({
        let (here, source) = (here.clone(), source.clone());
        async move { here.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    let waiting = there.try_get_or_load("a", || text("early"));
    assert_eq!(within("the wait to end", waiting).await.unwrap(), "early");
    let stats = there.stats();
    assert_eq!(
        (stats.waits, stats.given_up_waits, stats.stored),
        (1, 1, 1),
        "{stats:?}"
    );
    // What the second has loaded stays: the late value is not stored over it.
    source.release();
    assert_eq!(loading.await.unwrap().unwrap(), "late");
    assert_eq!(here.get("a").await.unwrap().as_deref(), Some("early"));
    assert_eq!(here.stats().refused, 1);
}

async fn an_aborted_load_gives_the_lock_back(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).load_lock(LONG).build().unwrap();
    let there = builder(&there).load_lock(LONG).build().unwrap();
    let source = Source::held("never");
    let loading = tokio::spawn({
        let (here, source) = (here.clone(), source.clone());
        async move { here.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    let waiting = tokio::spawn({
        let there = there.clone();
        async move { there.try_get_or_load("a", || text("A")).await }
    });
    let waits = async || there.stats().waits;
    eventually("the other instance to wait", waits, |waits| *waits == 1).await;
    loading.abort();
    let value = within("the other to load", waiting).await;
    assert_eq!(value.unwrap().unwrap(), "A");
}

async fn a_lock_ends_by_itself(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here)
        .load_lock(LONG)
        .lock_ttl(SHORT)
        .build()
        .unwrap();
    let there = builder(&there).load_lock(LONG).build().unwrap();
    let source = Source::held("late");
    let loading = tokio::spawn({
        let (here, source) = (here.clone(), source.clone());
        async move { here.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    let lock = async || place.stored("cache-runtime:lock:{texts:a}").await;
    eventually("the lock to end", lock, Option::is_none).await;
    // It is stored although it took that long: no other instance has loaded.
    source.release();
    loading.await.unwrap().unwrap();
    assert_eq!(there.try_get_or_load("a", never).await.unwrap(), "late");
}

async fn setting_and_removing_overtake_a_load(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here)
        .load_lock(LONG)
        .memory(LONG, 10)
        .build()
        .unwrap();
    let there = builder(&there).load_lock(LONG).build().unwrap();
    for (key, set) in [("a", true), ("b", false)] {
        let source = Source::held("old");
        let loading = tokio::spawn({
            let (here, source) = (here.clone(), source.clone());
            async move { here.try_get_or_load(key, || source.load()).await }
        });
        source.has_begun().await;
        if set {
            there.insert(key, "new".to_owned()).await.unwrap();
        } else {
            there.remove(key).await.unwrap();
        }
        source.release();
        assert_eq!(loading.await.unwrap().unwrap(), "old");
        let expected = set.then(|| "new".to_owned());
        assert_eq!(there.get(key).await.unwrap(), expected);
        assert_eq!(here.get(key).await.unwrap(), expected);
    }
}

async fn a_lock_is_no_longer_than_it_has_to_be(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus)
        .load_lock(LONG)
        .lock_ttl(LONG * 2)
        .build()
        .unwrap();
    let source = Source::held("A");
    let loading = tokio::spawn({
        let (cache, source) = (cache.clone(), source.clone());
        async move { cache.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    let ttl = place.ttl("cache-runtime:lock:{texts:a}").await;
    assert!(ttl > LONG && ttl <= LONG * 2, "{ttl:?}");
    assert_eq!(
        place.stored("cache-runtime:coherent:{texts}:g").await,
        None,
        "only coherent caches have one"
    );
    source.release();
    loading.await.unwrap().unwrap();
    assert!(place.ttl("texts:a").await > Duration::ZERO);
}

in_both_places!(
    the_others_wait_for_the_one_that_loads,
    without_a_lock_no_instance_waits,
    the_wait_is_bounded,
    an_aborted_load_gives_the_lock_back,
    a_lock_ends_by_itself,
    setting_and_removing_overtake_a_load,
    a_lock_is_no_longer_than_it_has_to_be,
);
