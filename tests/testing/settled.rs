//! The barrier: what was published before is applied by caches, handled by handlers, and in streams.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::Bus;
use cache_runtime::testing::{Network, settled};
use support::within;
use tokio::sync::Semaphore;

use crate::{UserEvent, Users, names, now, user};

#[tokio::test]
async fn caches_have_evicted_handlers_have_returned_and_streams_have_it() {
    let here = Bus::in_process();
    let there = here.another_instance();
    let users = Users::new(&there);
    let cache = names(&there);
    let handled = [(); 2].map(|()| Arc::new(Mutex::new(Vec::new())));
    let [sync, task] = handled.clone();
    let _sync = users.subscribe(move |event| {
        std::thread::sleep(Duration::from_millis(1));
        sync.lock().unwrap().push(event);
    });
    let _task = users.subscribe(move |event| {
        let task = Arc::clone(&task);
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            task.lock().unwrap().push(event);
        }
    });
    let mut events = users.events();
    within("live", there.ready()).await.unwrap();
    let publisher = Users::new(&here);
    for n in 0..20 {
        cache.get_or_load(&n, || async { 1 }).await;
        publisher.invalidate_user(n).await.unwrap();
        within("the barrier", settled(&there)).await.unwrap();
        assert_eq!(cache.get(&n), None);
        for handled in &handled {
            assert_eq!(std::mem::take(&mut *handled.lock().unwrap()), [user(n)]);
        }
        let event = now(events.recv());
        assert_eq!(event, Some(Some(user(n))));
    }
}

#[tokio::test]
async fn a_handler_that_is_busy_is_waited_for() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let permits = Arc::new(Semaphore::new(0));
    let handled = Arc::new(AtomicU64::new(0));
    let (waiting, counted) = (Arc::clone(&permits), Arc::clone(&handled));
    let _handler = users.subscribe(move |_event| {
        let (permits, counted) = (Arc::clone(&waiting), Arc::clone(&counted));
        async move {
            permits.acquire().await.unwrap().forget();
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    users.ready().await.unwrap();
    for n in 0..3 {
        users.invalidate_user(n).await.unwrap();
    }
    let mut barrier = Box::pin(settled(&bus));
    for n in 0..3 {
        let limited = tokio::time::timeout(Duration::from_millis(20), &mut barrier).await;
        assert!(limited.is_err(), "{n} of 3 are handled");
        permits.add_permits(1);
    }
    within("the barrier", barrier).await.unwrap();
    assert_eq!(handled.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_queue_that_collapses_is_waited_for() {
    let bus = Bus::local().queue(2, 1 << 20).connect_lazy().unwrap();
    let users = Users::new(&bus);
    let permits = Arc::new(Semaphore::new(0));
    let handled = Arc::new(Mutex::new(Vec::new()));
    let (waiting, seen) = (Arc::clone(&permits), Arc::clone(&handled));
    let _handler = users.subscribe(move |event| {
        let (permits, seen) = (Arc::clone(&waiting), Arc::clone(&seen));
        async move {
            permits.acquire().await.unwrap().forget();
            seen.lock().unwrap().push(event);
        }
    });
    users.ready().await.unwrap();
    users.invalidate_user(0).await.unwrap();
    users.invalidate_user(1).await.unwrap();
    let mut barrier = Box::pin(settled(&bus));
    let limited = tokio::time::timeout(Duration::from_millis(50), &mut barrier).await;
    assert!(limited.is_err());
    for n in 2..10 {
        users.invalidate_user(n).await.unwrap();
    }
    bus.settled().await.unwrap();
    assert!(now(&mut barrier).is_none(), "0 is not handled");
    permits.add_permits(1000);
    within("the barrier", barrier).await.unwrap();
    let handled = handled.lock().unwrap();
    assert!(handled.contains(&UserEvent::All), "{handled:?}");
}

#[tokio::test]
async fn a_handler_that_panics_is_waited_for_until_it_has_returned_from_all() {
    let bus = Bus::local();
    let bus = bus.rejection_interval(Duration::from_millis(100));
    let bus = bus.connect_lazy().unwrap();
    let users = Users::new(&bus);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let _handler = users.subscribe(move |event| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        // The event, its `All`, and the next one panic: the last `All` waits for the interval.
        assert!(call > 2, "as the test wants it: {event:?}");
    });
    users.ready().await.unwrap();
    users.invalidate_user(1).await.unwrap();
    within("the barrier", settled(&bus)).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_is_not_live_or_closed_does_not_settle() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let _handler = users.subscribe(|_event| std::future::pending::<()>());
    let network = Network::of(&bus);
    users.ready().await.unwrap();
    network.disconnect().await;
    assert!(within("the barrier", settled(&bus)).await.is_err());
    network.reconnect().await;
    users.invalidate_user(1).await.unwrap();
    // It waits for the handler, which never ends, until the bus is closed.
    let mut barrier = Box::pin(settled(&bus));
    let limited = tokio::time::timeout(Duration::from_millis(50), &mut barrier).await;
    assert!(limited.is_err());
    bus.close().await;
    let _ = within("the barrier", barrier).await;
    assert!(within("the barrier", settled(&bus)).await.is_err());
}

#[tokio::test]
async fn a_barrier_that_is_dropped_leaves_nothing_behind() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let handled = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&handled);
    let _handler = users.subscribe(move |event| seen.lock().unwrap().push(event));
    users.ready().await.unwrap();
    for n in 0..50 {
        users.invalidate_user(n).await.unwrap();
        drop(now(settled(&bus)));
        let _ = tokio::time::timeout(Duration::from_micros(n * 10), settled(&bus)).await;
    }
    within("the barrier", settled(&bus)).await.unwrap();
    let expected: Vec<_> = (0..50).map(user).collect();
    assert_eq!(*handled.lock().unwrap(), expected);
}

#[tokio::test]
async fn it_waits_over_redis_too() {
    let server = support::Server::start().await;
    let here = Bus::redis(server.url()).connect().await.unwrap();
    let there = here.another_instance();
    let cache = names(&there);
    let users = Users::new(&there);
    let handled = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&handled);
    let _handler = users.subscribe(move |event| {
        if event != UserEvent::All {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    there.ready().await.unwrap();
    for n in 0..20 {
        cache.get_or_load(&n, || async { 1 }).await;
        Users::new(&here).invalidate_user(n).await.unwrap();
        within("the barrier", settled(&there)).await.unwrap();
        assert_eq!(cache.get(&n), None);
        assert_eq!(handled.load(Ordering::SeqCst), n + 1);
    }
}
