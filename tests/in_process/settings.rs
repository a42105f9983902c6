//! What the builder's settings change, and which it refuses.

use std::time::Duration;

use cache_runtime::__private::publish_raw;
use cache_runtime::bus::{Cause, OnRejected};
use cache_runtime::service::Invalidator;
use cache_runtime::{Bus, cache_invalidation};

use crate::{NumberEvent, Numbers, number, soon};

#[tokio::test]
async fn on_rejected_can_be_ignored() {
    let bus = Bus::local()
        .on_rejected(OnRejected::Ignore)
        .connect_lazy()
        .unwrap();
    let service = Numbers::new(&bus);
    let mut events = service.events();
    soon("live", bus.ready()).await.unwrap();
    publish_raw(&bus, "cache:numbers", b"{}").await.unwrap();
    service.invalidate_number(1).await.unwrap();
    assert_eq!(soon("an event", events.recv()).await, Some(number(1)));
    assert_eq!(service.stats().rejected, 1);
    assert!(service.health().is_live());
}

#[cache_invalidation(channel = "cache:ignoring", event = NumberEvent, on_rejected = "ignore")]
struct Ignoring;

#[cache_invalidation(channel = "cache:ignoring", event = NumberEvent)]
struct IgnoringToo;

#[cache_invalidation(channel = "cache:flushing", event = NumberEvent, on_rejected = "flush")]
struct Flushing;

#[cache_invalidation(channel = "cache:disputed", event = NumberEvent, on_rejected = "ignore")]
struct DisputedIgnoring;

/// Never built, but its policy counts.
#[cache_invalidation(channel = "cache:disputed", event = NumberEvent, on_rejected = "flush")]
struct DisputedFlushing;

/// What a subscriber receives first when a message is rejected and event 1 follows.
async fn after_a_rejected(service: &Invalidator<NumberEvent>, bus: &Bus) -> Option<NumberEvent> {
    let mut events = service.events();
    soon("live", service.ready()).await.unwrap();
    publish_raw(bus, service.channel(), b"{}").await.unwrap();
    service.invalidate_number(1).await.unwrap();
    let first = soon("an event", events.recv()).await;
    assert_eq!(service.stats().rejected, 1);
    assert!(service.health().is_live());
    first
}

#[tokio::test]
async fn the_policy_of_a_service_overrides_that_of_the_bus() {
    let (flushed, ignored) = (Some(NumberEvent::All), Some(number(1)));
    for (policy, otherwise) in [
        (OnRejected::Flush, &flushed),
        (OnRejected::Ignore, &ignored),
    ] {
        let bus = Bus::local().on_rejected(policy).connect_lazy().unwrap();
        let of_the_bus = after_a_rejected(&Numbers::new(&bus), &bus).await;
        assert_eq!(of_the_bus, *otherwise, "{policy:?}");
        let ignoring = after_a_rejected(&Ignoring::new(&bus), &bus).await;
        assert_eq!(ignoring, ignored, "{policy:?}");
        let flushing = after_a_rejected(&Flushing::new(&bus), &bus).await;
        assert_eq!(flushing, flushed, "{policy:?}");
    }
}

#[tokio::test]
async fn the_policy_of_a_service_holds_for_all_services_of_the_channel() {
    let bus = Bus::in_process();
    let too = after_a_rejected(&IgnoringToo::new(&bus), &bus).await;
    assert_eq!(too, Some(number(1)));
}

#[tokio::test]
async fn of_two_policies_for_a_channel_the_safer_one_holds() {
    let bus = Bus::local()
        .namespace("prod")
        .on_rejected(OnRejected::Ignore)
        .connect_lazy()
        .unwrap();
    let service = DisputedIgnoring::new(&bus);
    let mut events = service.events();
    soon("live", service.ready()).await.unwrap();
    publish_raw(&bus, "cache:disputed", b"{}").await.unwrap();
    let first = soon("an event", events.recv()).await;
    assert_eq!(first, Some(NumberEvent::All));
}

#[tokio::test]
async fn the_queue_is_bounded_by_events_and_by_bytes() {
    for (events, bytes) in [(4, 1 << 20), (1 << 20, 600)] {
        let bus = Bus::local().queue(events, bytes).connect_lazy().unwrap();
        let service = Numbers::new(&bus);
        let mut slow = service.events();
        let mut fast = service.events();
        for n in 0..64 {
            service.invalidate_number(n).await.unwrap();
            soon("an event", fast.recv()).await;
        }
        assert_eq!(soon("an event", slow.recv()).await, Some(NumberEvent::All));
        assert!(service.stats().overflows > 0);
    }
}

#[tokio::test]
async fn the_namespace_is_part_of_the_channel() {
    let bus = Bus::local().namespace("prod").connect_lazy().unwrap();
    let service = Numbers::new(&bus);
    assert_eq!(service.channel(), "prod:cache:numbers");
    let mut events = service.events();
    Numbers::new(&bus.another_instance())
        .invalidate_number(1)
        .await
        .unwrap();
    assert_eq!(soon("an event", events.recv()).await, Some(number(1)));
}

#[tokio::test]
async fn payloads_beyond_the_limit_are_neither_sent_nor_received() {
    let bus = Bus::local().max_payload(20).connect_lazy().unwrap();
    let service = Numbers::new(&bus);
    let mut events = service.events();
    let error = service.invalidate_number(1).await.unwrap_err();
    assert!(error.is_invalid_event());
    let message = format!("{error:#}");
    assert!(
        message.contains("`cache:numbers`") && message.contains("`max_payload` allows 20"),
        "{message}"
    );
    let long = br#"{"type":"number","n":1}"#;
    publish_raw(&bus, "cache:numbers", long).await.unwrap();
    assert_eq!(
        soon("an event", events.recv()).await,
        Some(NumberEvent::All)
    );
}

#[tokio::test]
async fn a_rejection_interval_can_be_set() {
    let bus = Bus::local()
        .rejection_interval(Duration::ZERO)
        .connect_lazy()
        .unwrap();
    let service = Numbers::new(&bus);
    let mut events = service.events();
    for _ in 0..3 {
        publish_raw(&bus, "cache:numbers", b"{}").await.unwrap();
        assert_eq!(
            soon("an event", events.recv()).await,
            Some(NumberEvent::All)
        );
    }
}

#[test]
fn unusable_settings_are_named() {
    let second = Duration::from_secs(1);
    let builder = Bus::local;
    let cases = [
        (builder().namespace("a b"), "namespace \"a b\""),
        (builder().namespace(""), "namespace \"\""),
        (builder().name("my bot"), "name \"my bot\""),
        (builder().heartbeat(Duration::ZERO), "heartbeat"),
        (builder().heartbeat(Duration::MAX), "heartbeat"),
        (builder().lease(Duration::MAX), "lease"),
        (
            builder().rejection_interval(Duration::MAX),
            "rejection_interval",
        ),
        (builder().heartbeat(second).lease(second), "lease of 1s"),
        (
            builder().backoff(second * 2, second),
            "backoff from 2s to 1s",
        ),
        (builder().connect_timeout(Duration::ZERO), "connect_timeout"),
        (
            builder().response_timeout(Duration::ZERO),
            "response_timeout",
        ),
        (builder().queue(0, 1), "queue"),
        (builder().max_payload(0), "payload"),
    ];
    for (builder, expected) in cases {
        let error = builder.connect_lazy().unwrap_err();
        assert!(matches!(error.cause(), Cause::Settings(_)), "{error:?}");
        assert!(
            format!("{error:#}").contains(expected),
            "{expected}: {error}"
        );
    }
}
