//! Faults in subscribers, which must not disturb other subscribers or the publisher.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::__private::publish_raw;

use cache_runtime::{Bus, defaults};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{NumberEvent, Numbers, number, soon};

#[tokio::test]
async fn a_blocked_handler_delays_nobody() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (release, blocked) = mpsc::channel::<()>();
    let _stuck = service.subscribe(move |_event| {
        blocked.recv().ok();
    });
    let mut events = service.events();
    for n in 0..10 {
        service.invalidate_number(n).await.unwrap();
    }
    for n in 0..10 {
        assert_eq!(soon("an event", events.recv()).await, Some(number(n)));
    }
    drop(release);
}

#[tokio::test]
async fn a_stuck_handler_gets_one_all_and_what_came_after_it() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (first_seen, mut first) = unbounded_channel();
    let (release, blocked) = mpsc::channel::<()>();
    let (seen, mut received) = unbounded_channel();
    let _stuck = service.subscribe(move |event| {
        first_seen.send(()).ok();
        blocked.recv().ok();
        seen.send(event).ok();
    });
    service.invalidate_number(0).await.unwrap();
    soon("the handler to be stuck", first.recv()).await;
    let last = defaults::QUEUE_EVENTS as u64 * 3;
    let mut events = service.events();
    for n in 1..=last {
        service.invalidate_number(n).await.unwrap();
        soon("an event", events.recv()).await;
    }
    drop(release);
    assert_eq!(soon("an event", received.recv()).await, Some(number(0)));
    assert_eq!(
        soon("the All", received.recv()).await,
        Some(NumberEvent::All)
    );
    let mut previous = 0;
    while previous < last {
        let event = soon("an event", received.recv()).await.unwrap();
        let NumberEvent::Number { n } = event else {
            panic!("a second All")
        };
        assert!(n > previous, "{n} after {previous}");
        previous = n;
    }
    assert!(service.stats().overflows > 0);
}

#[tokio::test]
async fn a_panicking_handler_gets_all_at_once_and_goes_on() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (seen, mut received) = unbounded_channel();
    let sync_seen = seen.clone();
    let _sync = service.subscribe(move |event| {
        assert_ne!(event, number(1), "as the test wants it");
        sync_seen.send(("sync", event)).unwrap();
    });
    let _async = service.subscribe(move |event| {
        let seen = seen.clone();
        async move {
            tokio::task::yield_now().await;
            assert_ne!(event, number(1), "as the test wants it");
            seen.send(("async", event)).unwrap();
        }
    });
    for n in 0..3 {
        service.invalidate_number(n).await.unwrap();
    }
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(soon("an event", received.recv()).await.unwrap());
    }
    for who in ["sync", "async"] {
        let seen: Vec<_> = all
            .iter()
            .filter(|(w, _)| *w == who)
            .map(|(_, e)| e.clone())
            .collect();
        assert_eq!(seen, [number(0), NumberEvent::All, number(2)], "{who}");
    }
    assert_eq!(service.stats().panics, 2);
}

#[tokio::test]
async fn a_handler_that_panics_at_all_gets_it_again_in_place_of_what_was_queued() {
    let bus = Bus::local().rejection_interval(Duration::from_millis(100));
    let bus = bus.connect_lazy().unwrap();
    let service = Numbers::new(&bus);
    let (seen, mut received) = unbounded_channel();
    let calls = AtomicUsize::new(0);
    let _subscription = service.subscribe(move |event| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        assert!(call >= 3, "as the test wants it");
        seen.send(event).unwrap();
    });
    // The event and two calls with All panic, and no event has to come for the third.
    service.invalidate_number(1).await.unwrap();
    assert_eq!(
        soon("an event", received.recv()).await,
        Some(NumberEvent::All)
    );
    service.invalidate_number(2).await.unwrap();
    assert_eq!(soon("an event", received.recv()).await, Some(number(2)));
    assert_eq!(service.stats().panics, 3);
}

#[tokio::test]
async fn a_handler_that_panics_at_every_event_is_called_and_logged_as_seldom_as_rejections() {
    const EVENTS: u64 = 2_000;
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (seen, mut received) = unbounded_channel();
    let panicking = |event: NumberEvent, seen: &UnboundedSender<()>| match event {
        NumberEvent::Number { .. } => panic!("as the test wants it"),
        NumberEvent::All => seen.send(()).unwrap(),
    };
    let sync_seen = seen.clone();
    let _sync = service.subscribe(move |event| panicking(event, &sync_seen));
    let _async = service.subscribe(move |event| {
        let seen = seen.clone();
        async move { panicking(event, &seen) }
    });
    for n in 0..EVENTS {
        service.invalidate_number(n).await.unwrap();
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        soon("the All of both", received.recv()).await.unwrap();
    }
    let panics = service.stats().panics;
    assert!((2..EVENTS / 4).contains(&panics), "{panics} panics");
    // Those that wait end with the bus.
    soon("the bus to close", bus.close()).await;
}

#[tokio::test]
async fn a_panicking_inline_subscriber_gets_all_and_does_not_reach_the_publisher() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inline_seen = Arc::clone(&seen);
    let _inline = service.subscribe_inline(move |event: &NumberEvent| {
        assert_ne!(*event, number(1), "as the test wants it");
        inline_seen.lock().unwrap().push(event.clone());
    });
    let mut events = service.events();
    service.invalidate_number(1).await.unwrap();
    // At once. If the event has been received already, it has panicked twice.
    assert_eq!(seen.lock().unwrap().first(), Some(&NumberEvent::All));
    assert_eq!(soon("an event", events.recv()).await, Some(number(1)));
    assert_eq!(*seen.lock().unwrap(), [NumberEvent::All, NumberEvent::All]);
}

#[tokio::test]
async fn rejected_messages_flush_at_once_then_once_an_interval_and_the_last_is_not_omitted() {
    let bus = Bus::local().rejection_interval(Duration::from_millis(200));
    let bus = bus.connect().await.unwrap();
    let service = Numbers::new(&bus);
    let mut events = service.events();
    bus.ready().await.unwrap();
    let channel = "cache:numbers";
    publish_raw(&bus, channel, b"{\"type\":\"newer\"}")
        .await
        .unwrap();
    assert_eq!(events.recv().await, Some(NumberEvent::All));
    for _ in 0..50 {
        publish_raw(&bus, channel, b"[\"all\"]").await.unwrap();
    }
    // They share one flush, which comes later than this event unless the machine is slow.
    assert_eq!(events.recv().await, Some(NumberEvent::All));
    assert!(service.health().is_live());
    service.invalidate_number(1).await.unwrap();
    assert_eq!(events.recv().await, Some(number(1)));
}

#[tokio::test]
async fn inline_subscribers_may_subscribe_publish_and_unsubscribe() {
    let bus = Bus::in_process();
    let service = Arc::new(Numbers::new(&bus));
    let inner = Arc::downgrade(&service);
    let held = Mutex::new(None);
    let _inline = service.subscribe_inline(move |event: &NumberEvent| {
        let Some(service) = inner.upgrade() else {
            return;
        };
        if *event == number(1) {
            *held.lock().unwrap() = Some(service.subscribe_inline(|_| {}));
        } else {
            held.lock().unwrap().take();
        }
    });
    let mut events = service.events();
    for n in [1, 2, 3] {
        service.invalidate_number(n).await.unwrap();
        assert_eq!(soon("an event", events.recv()).await, Some(number(n)));
    }
}
