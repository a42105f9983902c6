//! One lookup in Redis and one load for all callers of a key in a process.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;

use cache_runtime::redis::LoadError;
use futures_lite_poll::poll_once;
use support::{eventually, within};
use tokio::task::JoinSet;

use crate::fixture::{LONG, Place, SHORT, Source, builder, in_both_places, never, text};

mod futures_lite_poll {
    use std::future::{Future, poll_fn};
    use std::pin::Pin;
    use std::task::Poll;

    /// Polls once, and returns the output if it is ready.
    pub(super) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
        poll_fn(|cx| {
            Poll::Ready(match future.as_mut().poll(cx) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            })
        })
        .await
    }
}

async fn callers_of_one_key_share_a_load(place: &Place) {
    let bus = place.instance().await;
    for cache in [
        builder(&bus).build().unwrap(),
        builder(&bus).memory(LONG, 10).build().unwrap(),
    ] {
        place.flush().await;
        let source = Source::held("A");
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            let (cache, source) = (cache.clone(), source.clone());
            callers.spawn(async move { cache.try_get_or_load("a", || source.load()).await });
        }
        source.has_begun().await;
        // Loads of other keys do not wait.
        assert_eq!(cache.try_get_or_load("b", || text("B")).await.unwrap(), "B");
        assert_eq!(
            cache.get("a").await.unwrap(),
            None,
            "`get` does not wait for a load"
        );
        source.release();
        for value in within("the callers", callers.join_all()).await {
            assert_eq!(value.unwrap(), "A");
        }
        assert_eq!(source.loads(), 1);
    }
}

async fn a_dropped_caller_hands_over(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).load_lock(LONG).build().unwrap();
    let stuck = Source::held("never");
    let leader = tokio::spawn({
        let (cache, stuck) = (cache.clone(), stuck.clone());
        async move { cache.try_get_or_load("a", || stuck.load()).await }
    });
    stuck.has_begun().await;
    let mut waiter = pin!(cache.try_get_or_load("a", || text("A")));
    assert!(poll_once(waiter.as_mut()).await.is_none());
    leader.abort();
    // The waiter needs the lock too, which the aborted caller gives back.
    assert_eq!(within("the waiter to load", waiter).await.unwrap(), "A");
    assert_eq!(cache.stats().failed_loads, 1);
    assert_eq!(cache.try_get_or_load("a", never).await.unwrap(), "A");
}

async fn a_failed_or_panicked_loader_hands_over(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).load_lock(LONG).build().unwrap();
    let failing = cache.try_get_or_load("a", || async { Err::<String, _>("no") });
    assert!(failing.await.is_err());
    let panicking = tokio::spawn({
        let cache = cache.clone();
        async move {
            let load = || async { panic!("as the test wants it") };
            cache.try_get_or_load::<_, _, Infallible>("a", load).await
        }
    });
    assert!(panicking.await.is_err());
    let next = cache.try_get_or_load("a", || text("A"));
    assert_eq!(within("the next to load", next).await.unwrap(), "A");
    assert_eq!(cache.stats().failed_loads, 2);
}

async fn a_dropped_caller_leaves_nothing_behind(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).load_lock(LONG).build().unwrap();
    {
        let load = || async { pending::<Result<String, Infallible>>().await };
        let mut dropped = pin!(cache.try_get_or_load("a", load));
        let begun = async || {
            assert!(poll_once(dropped.as_mut()).await.is_none());
            cache.stats().loads
        };
        eventually("the load to begin", begun, |loads| *loads == 1).await;
        assert!(
            place.stored("cache-runtime:lock:{texts:a}").await.is_some(),
            "it has the lock"
        );
    }
    let lock = async || place.stored("cache-runtime:lock:{texts:a}").await;
    eventually("the lock to be given back", lock, Option::is_none).await;
}

async fn whoever_waits_for_a_hung_load_finds_what_is_in_redis(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).load_wait(SHORT).build().unwrap();
    let load = || async { pending::<Result<String, Infallible>>().await };
    let mut hung = pin!(cache.try_get_or_load("a", load));
    let begun = async || {
        assert!(poll_once(hung.as_mut()).await.is_none());
        cache.stats().loads
    };
    eventually("the load to begin", begun, |loads| *loads == 1).await;
    let other = builder(&place.instance().await).build().unwrap();
    assert_eq!(other.try_get_or_load("a", || text("A")).await.unwrap(), "A");
    let found = within("the value", cache.try_get_or_load("a", never)).await;
    assert_eq!(found.unwrap(), "A");
    assert_eq!(cache.stats().hung_loads, 1);
}

async fn a_loader_that_reads_its_own_key_does_not_wait_for_its_lock(place: &Place) {
    let bus = place.instance().await;
    // It does not end meanwhile.
    let cache = builder(&bus).load_lock(LONG).lock_ttl(LONG * 2);
    let cache = cache.build().unwrap();
    let load = async || {
        let inner = cache.try_get_or_load("a", || text("inner")).await.unwrap();
        Ok::<_, Infallible>(format!("{inner} and outer"))
    };
    let read = within("the load", cache.try_get_or_load("a", load)).await;
    assert_eq!(read.unwrap(), "inner and outer");
}

async fn callers_share_a_failure(place: &Place) {
    let cache = builder(&place.instance().await).build().unwrap();
    let source = Source::held("A");
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (cache, source) = (cache.clone(), source.clone());
        callers.spawn(async move {
            let load = async || {
                drop(source.load().await);
                Err::<String, _>("as the test wants it")
            };
            cache.try_get_or_load("a", load).await
        });
    }
    source.has_begun().await;
    source.release();
    for failed in within("the callers", callers.join_all()).await {
        let error = failed.unwrap_err().into_load().unwrap();
        assert_eq!(*error, "as the test wants it");
    }
    assert!(source.loads() <= 2, "{} loads", source.loads());
}

async fn a_load_that_takes_too_long_is_given_up_for_all_who_wait(place: &Place) {
    let cache = builder(&place.instance().await)
        .load_lock(LONG)
        .load_wait(LONG);
    let cache = cache.load_timeout(SHORT).build().unwrap();
    let hangs = || async { pending::<Result<String, Infallible>>().await };
    let one = tokio::spawn({
        let cache = cache.clone();
        async move { cache.try_get_or_load("a", hangs).await }
    });
    let two = within("one of two", cache.try_get_or_load("a", hangs)).await;
    let one = within("the other", one).await.unwrap();
    for read in [one, two] {
        let Err(LoadError::TimedOut(late)) = read else {
            panic!("{read:?}");
        };
        assert_eq!((late.cache(), late.limit()), ("texts", SHORT));
    }
    let many = |_| async { pending::<Result<[(String, String); 0], Infallible>>().await };
    let read = within("several", cache.try_get_many_or_load(["a", "b"], many)).await;
    assert!(matches!(read, Err(LoadError::TimedOut(_))), "{read:?}");
    let next = within("the next", cache.try_get_or_load("a", || text("A"))).await;
    assert_eq!(next.unwrap(), "A", "no lock is in the way");
}

in_both_places!(
    a_load_that_takes_too_long_is_given_up_for_all_who_wait,
    callers_share_a_failure,
    whoever_waits_for_a_hung_load_finds_what_is_in_redis,
    a_loader_that_reads_its_own_key_does_not_wait_for_its_lock,
    callers_of_one_key_share_a_load,
    a_dropped_caller_hands_over,
    a_failed_or_panicked_loader_hands_over,
    a_dropped_caller_leaves_nothing_behind,
);
