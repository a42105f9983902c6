//! Which subscribers receive which events, and in which order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cache_runtime::Bus;
use cache_runtime::bus::Health;
use tokio::sync::mpsc::unbounded_channel;

use crate::{LetterEvent, Letters, NumberEvent, Numbers, NumbersToo, number, soon};

#[tokio::test]
async fn every_instance_gets_every_event_in_order() {
    let bus = Bus::in_process();
    let others = [
        bus.another_instance(),
        bus.another_instance(),
        bus.another_instance(),
    ];
    let publisher = Numbers::new(&bus);
    let services = others.each_ref().map(Numbers::new);
    let mut streams = services.each_ref().map(|service| service.events());
    for n in 0..100 {
        publisher.invalidate_number(n).await.unwrap();
    }
    for stream in &mut streams {
        for n in 0..100 {
            assert_eq!(soon("an event", stream.recv()).await, Some(number(n)));
        }
    }
}

/// A barrier: what was published before it has been applied everywhere after it.
#[tokio::test]
async fn every_instance_has_applied_what_was_published_before_it_settles() {
    let bus = Bus::in_process();
    let publisher = Numbers::new(&bus);
    let others: Vec<_> = (0..3).map(|_| bus.another_instance()).collect();
    let applied = Arc::new(AtomicU64::new(0));
    let services: Vec<_> = others.iter().map(Numbers::new).collect();
    let subscribe = |service: &Numbers| {
        let applied = Arc::clone(&applied);
        service.subscribe_inline(move |_| {
            applied.fetch_add(1, Ordering::SeqCst);
        })
    };
    let _guards: Vec<_> = services.iter().map(subscribe).collect();
    for service in &services {
        service.ready().await.unwrap();
    }
    for n in 1..=100 {
        let before = applied.load(Ordering::SeqCst);
        let confirmed = publisher.invalidate_number(n).confirmed().await.unwrap();
        assert_eq!(applied.load(Ordering::SeqCst) - before, 3);
        assert_eq!(confirmed.settled().acknowledged().len(), 4);
        publisher.invalidate_number(n).await.unwrap();
        bus.settled().await.unwrap();
        assert_eq!(applied.load(Ordering::SeqCst) - before, 6);
    }
    others[0].close().await;
    let settled = bus.settled().await.unwrap();
    assert_eq!(settled.acknowledged().len(), 3);
}

#[tokio::test]
async fn an_instance_gets_its_own_events_once() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let mut events = service.events();
    service.invalidate_number(1).await.unwrap();
    service.invalidate_number(2).await.unwrap();
    assert_eq!(soon("an event", events.recv()).await, Some(number(1)));
    assert_eq!(soon("an event", events.recv()).await, Some(number(2)));
}

#[tokio::test]
async fn several_subscriptions_of_several_services_get_each_event() {
    let bus = Bus::in_process();
    let (one, other) = (Numbers::new(&bus), NumbersToo::new(&bus));
    let mut streams = [one.events(), one.events(), other.events()];
    other.invalidate_number(7).await.unwrap();
    for stream in &mut streams {
        assert_eq!(soon("an event", stream.recv()).await, Some(number(7)));
    }
}

#[tokio::test]
async fn channels_do_not_mix() {
    let bus = Bus::in_process();
    let (numbers, letters) = (Numbers::new(&bus), Letters::new(&bus));
    let mut events = letters.events();
    numbers.invalidate_number(1).await.unwrap();
    letters.invalidate_letter("a").await.unwrap();
    let letter = LetterEvent::Letter { letter: "a".into() };
    assert_eq!(soon("a letter", events.recv()).await, Some(letter));
}

#[tokio::test]
async fn sync_and_async_handlers_both_work() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (seen, mut received) = unbounded_channel();
    let also_seen = seen.clone();
    let _sync = service.subscribe(move |event| seen.send(("sync", event)).unwrap());
    let _async = service.subscribe(move |event| {
        let seen = also_seen.clone();
        async move {
            tokio::task::yield_now().await;
            seen.send(("async", event)).unwrap();
        }
    });
    service.publish(&number(3)).await.unwrap();
    let mut both = [
        soon("an event", received.recv()).await.unwrap(),
        soon("an event", received.recv()).await.unwrap(),
    ];
    both.sort_by_key(|(who, _)| *who);
    assert_eq!(both, [("async", number(3)), ("sync", number(3))]);
}

#[tokio::test]
async fn a_sync_handler_may_use_the_runtime() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let (seen, mut received) = unbounded_channel();
    let _subscription = service.subscribe(move |event| {
        let seen = seen.clone();
        tokio::spawn(async move { seen.send(event).unwrap() });
    });
    service.invalidate_number(1).await.unwrap();
    assert_eq!(soon("an event", received.recv()).await, Some(number(1)));
}

#[tokio::test]
async fn inline_subscribers_see_an_event_before_it_leaves_and_before_handlers() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let log = Arc::new(Mutex::new(Vec::new()));
    let inline_log = Arc::clone(&log);
    let _inline = service.subscribe_inline(move |event: &NumberEvent| {
        inline_log.lock().unwrap().push(("inline", event.clone()));
    });
    let mut events = service.events();
    // Not polled yet, so nothing was published.
    let publishing = service.invalidate_number(5);
    assert!(log.lock().unwrap().is_empty());
    publishing.await.unwrap();
    assert_eq!(log.lock().unwrap()[0], ("inline", number(5)));
    let event = soon("an event", events.recv()).await.unwrap();
    assert_eq!(event, number(5));
    // Once by the publisher, and once in wire order, before the stream had it.
    assert_eq!(log.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn inline_subscribers_read_their_own_writes_even_when_the_bus_is_closed() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inline_seen = Arc::clone(&seen);
    let _inline = service.subscribe_inline(move |event: &NumberEvent| {
        inline_seen.lock().unwrap().push(event.clone());
    });
    bus.close().await;
    let error = service.invalidate_number(5).await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(*seen.lock().unwrap(), [number(5)]);
}

#[tokio::test]
async fn nothing_is_missed_from_the_moment_of_subscribing_and_no_all_is_made_up() {
    let bus = Bus::in_process();
    let other = Numbers::new(&bus.another_instance());
    let service = Numbers::new(&bus);
    let mut events = service.events();
    // Published before the receiving task has run for the first time.
    other.invalidate_number(1).await.unwrap();
    assert_eq!(soon("an event", events.recv()).await, Some(number(1)));
    soon("live", bus.ready()).await.unwrap();
    assert_eq!(service.health(), Health::Live);
    other.invalidate_number(2).await.unwrap();
    assert_eq!(soon("an event", events.recv()).await, Some(number(2)));
}

#[tokio::test]
async fn publishing_all_is_an_event_like_any_other() {
    let bus = Bus::in_process();
    let service = Numbers::new(&bus);
    let mut events = service.events();
    service.invalidate_number(1).await.unwrap();
    service.invalidate_all().await.unwrap();
    assert_eq!(soon("an event", events.recv()).await, Some(number(1)));
    assert_eq!(
        soon("an event", events.recv()).await,
        Some(NumberEvent::All)
    );
}

#[tokio::test]
async fn several_events_published_at_once_arrive_in_order_and_a_bad_one_stops_no_other() {
    let bus = Bus::local().max_payload(40).connect_lazy().unwrap();
    let letters = Letters::new(&bus);
    let mut events = letters.events();
    let letter = |letter: &str| LetterEvent::Letter {
        letter: letter.to_owned(),
    };
    let receipts = letters.publish_all(["a", "b"].map(letter)).await.unwrap();
    assert_eq!(receipts.len(), 2);
    let long = "x".repeat(40);
    let error = letters
        .publish_all(["c", &long, "d"].map(letter))
        .await
        .unwrap_err();
    let failed: Vec<_> = error.failed().collect();
    assert!(
        matches!(failed[..], [(1, error)] if error.is_invalid_event()),
        "{error:?}"
    );
    for expected in ["a", "b", "c", "d"] {
        let event = soon("an event", events.recv()).await;
        assert_eq!(event, Some(letter(expected)));
    }
    assert_eq!(letters.publish_all([]).await, Ok(Vec::new()));
}

#[test]
fn several_events_can_be_published_without_an_executor() {
    let numbers = Numbers::new(&Bus::in_process());
    let receipts = numbers.publish_all([number(1), number(2)]).wait().unwrap();
    assert_eq!(receipts.len(), 2);
}
