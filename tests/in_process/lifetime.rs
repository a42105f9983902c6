//! When subscriptions, tasks and buses end, and that nothing is left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use cache_runtime::Bus;
use cache_runtime::bus::Health;
use support::until;
use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;

use crate::{NumberEvent, Numbers, number, soon};

async fn no_tasks_left() {
    soon("every task to end", async {
        while Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_the_guard_unsubscribes() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (seen, mut received) = unbounded_channel();
    let subscription = service.subscribe(move |event| seen.send(event).unwrap());
    service.invalidate_number(1).await.unwrap();
    assert_eq!(soon("an event", received.recv()).await, Some(number(1)));
    drop(subscription);
    service.invalidate_number(2).await.unwrap();
    assert_eq!(soon("the handler's end", received.recv()).await, None);
    let mut health = service.watch_health();
    until("idle", &mut health, |h| *h == Health::Idle).await;
    assert_eq!(bus.health(), Health::Idle);
}

#[tokio::test]
async fn a_detached_subscription_lasts_until_the_bus_is_closed() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (seen, mut received) = unbounded_channel();
    let subscription = service.subscribe(move |event| seen.send(event).unwrap());
    subscription.detach();
    service.invalidate_number(1).await.unwrap();
    assert_eq!(soon("an event", received.recv()).await, Some(number(1)));
    bus.close().await;
    assert_eq!(soon("the handler's end", received.recv()).await, None);
}

#[tokio::test]
async fn a_channel_can_be_subscribed_again() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    for n in 0..20 {
        let mut events = service.events();
        service.invalidate_number(n).await.unwrap();
        assert_eq!(soon("an event", events.recv()).await, Some(number(n)));
        soon("live", service.ready()).await.unwrap();
    }
}

#[tokio::test]
async fn an_async_handler_is_cancelled_with_its_guard() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (started, mut running) = unbounded_channel();
    let subscription = service.subscribe(move |_event| {
        let started = started.clone();
        async move {
            started.send(()).unwrap();
            std::future::pending::<()>().await;
        }
    });
    service.invalidate_number(1).await.unwrap();
    soon("the handler to run", running.recv()).await.unwrap();
    drop(subscription);
    assert_eq!(soon("the handler's end", running.recv()).await, None);
}

#[tokio::test]
async fn closing_ends_everything_and_is_final() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let _sync = service.subscribe(move |_event| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let _async = service.subscribe(|_event| std::future::pending::<()>());
    let mut events = service.events();
    service.invalidate_number(1).await.unwrap();
    soon("an event", events.recv()).await;
    bus.close().await;
    assert_eq!(bus.health(), Health::Closed);
    assert_eq!(service.health(), Health::Closed);
    assert_eq!(events.recv().await, None);
    assert!(bus.ready().await.is_err());
    assert_eq!(service.events().recv().await, None);
    no_tasks_left().await;
    bus.close().await;
}

#[tokio::test]
async fn other_instances_go_on_when_one_is_closed() {
    let bus = Bus::in_process();
    let other = bus.another_instance();
    let mut events = Numbers::new(&other).events();
    bus.close().await;
    Numbers::new(&other).invalidate_number(1).await.unwrap();
    assert_eq!(soon("an event", events.recv()).await, Some(number(1)));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_everything() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let subscription = service.subscribe(|_event| async {});
    let inline = service.subscribe_inline(|_event| {});
    soon("live", bus.ready()).await.unwrap();
    drop(bus);
    drop(service);
    drop(inline);
    assert!(Handle::current().metrics().num_alive_tasks() > 0);
    drop(subscription);
    no_tasks_left().await;
}

#[tokio::test]
async fn a_program_that_only_publishes_starts_no_task() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let receipt = service.invalidate_number(1).await.unwrap();
    assert_eq!(receipt.receivers(), 0);
    assert_eq!(bus.health(), Health::Idle);
    bus.ready().await.unwrap();
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

/// As a bus in a `static` does, with a runtime for each test.
#[test]
fn a_bus_works_in_one_runtime_after_another() {
    static BUS: LazyLock<Bus> = LazyLock::new(Bus::in_process);
    for round in 1..=3 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let service = Numbers::new(&BUS);
            let mut events = service.events();
            soon("live", BUS.ready()).await.unwrap();
            service.invalidate_number(round).await.unwrap();
            assert_eq!(soon("the event", events.recv()).await, Some(number(round)));
        });
    }
}

#[tokio::test]
async fn a_handler_whose_future_panics_when_dropped_goes_on() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("as the test wants it");
        }
    }
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (seen, mut received) = unbounded_channel();
    let _subscription = service.subscribe(move |event| {
        let bomb = (event == number(1)).then(|| Bomb);
        let mut unsent = Some(event);
        let seen = seen.clone();
        // The future owns the bomb, so it is dropped with the future.
        std::future::poll_fn(move |_| {
            let _owned = &bomb;
            seen.send(unsent.take()).unwrap();
            std::task::Poll::Ready(())
        })
    });
    for n in [1, 2] {
        service.invalidate_number(n).await.unwrap();
    }
    for expected in [number(1), NumberEvent::All, number(2)] {
        assert_eq!(
            soon("an event", received.recv()).await,
            Some(Some(expected))
        );
    }
}

#[tokio::test]
async fn an_instance_that_listens_no_more_is_not_counted() {
    let bus = Bus::in_process();
    let other = Numbers::new(&bus.another_instance());
    let service = Numbers::new(&bus);
    let events = service.events();
    soon("live", bus.ready()).await.unwrap();
    assert_eq!(other.invalidate_number(1).await.unwrap().receivers(), 1);
    drop(events);
    let mut health = service.watch_health();
    until("idle", &mut health, |h| *h == Health::Idle).await;
    assert_eq!(other.invalidate_number(2).await.unwrap().receivers(), 0);
}
