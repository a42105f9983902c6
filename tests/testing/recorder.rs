//! The events that services publish, as a recorder has them.

use cache_runtime::testing::{Network, Recorder};
use cache_runtime::{Bus, InvalidationEvent, ManualClock, cache_invalidation};

use crate::{MINUTE, UserEvent, Users, names, user};

/// It cannot be compared or cloned, as the events of a program need not be.
#[derive(InvalidationEvent)]
enum PageEvent {
    Page { path: String },
    All,
}

#[cache_invalidation(channel = "cache:pages", event = PageEvent)]
struct Pages;

fn page(path: &str) -> PageEvent {
    PageEvent::Page {
        path: path.to_owned(),
    }
}

#[tokio::test]
async fn events_are_there_when_they_are_published_from_any_instance() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let elsewhere = Users::new(&bus.another_instance());
    users.invalidate_user(1).await.unwrap();
    let recorder = Recorder::of(&users);
    assert!(recorder.events().is_empty(), "that was before");
    users.invalidate_user(2).await.unwrap();
    elsewhere.invalidate_all().await.unwrap();
    let both = [user(3), user(4)];
    users.publish_all(both).await.unwrap();
    users.begin_change(user(5)).committed().await.unwrap();
    let expected = [user(2), UserEvent::All, user(3), user(4), user(5)];
    assert_eq!(recorder.events(), expected);
    assert_eq!(recorder.events(), expected, "they stay");
    assert_eq!(recorder.take(), expected);
    assert!(recorder.take().is_empty());
    users.invalidate_user(6).await.unwrap();
    recorder.clear();
    assert!(recorder.events().is_empty());
}

#[tokio::test]
async fn other_channels_servers_and_namespaces_are_not_recorded() {
    let bus = Bus::in_process();
    let recorder = Recorder::of(&Users::new(&bus));
    let other = Recorder::of(&Users::new(&bus));
    Pages::new(&bus).invalidate_page("/").await.unwrap();
    let elsewhere = Bus::in_process();
    Users::new(&elsewhere).invalidate_user(1).await.unwrap();
    let named = Bus::local().namespace("test").connect_lazy().unwrap();
    let named_recorder = Recorder::of(&Users::new(&named));
    Users::new(&named).invalidate_user(2).await.unwrap();
    assert!(recorder.events().is_empty());
    named_recorder.expect([user(2)]);
    Users::new(&bus).invalidate_user(3).await.unwrap();
    recorder.expect([user(3)]);
    other.expect([user(3)]);
}

#[tokio::test]
async fn it_changes_nothing_on_the_bus() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let recorder = Recorder::of(&users);
    let receipt = users.invalidate_user(1).await.unwrap();
    assert_eq!(receipt.receivers(), 0);
    assert_eq!(bus.health(), cache_runtime::bus::Health::Idle);
    drop(recorder);
    users.invalidate_user(2).await.unwrap();
    Recorder::of(&users).expect([]);
}

#[tokio::test]
async fn an_event_counts_once_though_the_outbox_sends_it_again() {
    let clock = ManualClock::new();
    let here = Bus::local().clock(&clock).connect_lazy().unwrap();
    let there = here.another_instance();
    let cache = names(&there);
    there.ready().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;
    let users = Users::new(&here);
    let recorder = Recorder::of(&users);
    let network = Network::of(&here);
    network.disconnect().await;
    assert!(users.invalidate_user(1).await.is_err());
    assert_eq!(recorder.events(), [user(1)]);
    clock.advance(MINUTE / 2);
    network.reconnect().await;
    cache.get_or_load(&1, || async { 1 }).await;
    clock.advance(MINUTE / 2);
    assert_eq!(cache.get(&1), None, "it was sent");
    recorder.expect([user(1)]);
}

#[tokio::test]
async fn what_a_closed_bus_refuses_is_not_recorded() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let recorder = Recorder::of(&users);
    bus.close().await;
    assert!(users.invalidate_user(1).await.is_err());
    recorder.expect([]);
}

#[tokio::test]
async fn events_need_not_be_comparable() {
    let bus = Bus::in_process();
    let pages = Pages::new(&bus);
    let recorder = Recorder::of(&pages);
    pages.invalidate_page("/a").await.unwrap();
    pages.invalidate_all().await.unwrap();
    recorder.expect([page("/a"), PageEvent::All]);
    recorder.expect([]);
}

#[tokio::test]
#[should_panic(
    expected = "on `cache:pages`, expected\n  {\"type\":\"page\",\"path\":\"/b\"}\nrecorded\n  \
                           {\"type\":\"page\",\"path\":\"/a\"}"
)]
async fn other_events_than_expected_are_shown() {
    let bus = Bus::in_process();
    let pages = Pages::new(&bus);
    let recorder = Recorder::of(&pages);
    pages.invalidate_page("/a").await.unwrap();
    recorder.expect([page("/b")]);
}

#[tokio::test]
#[should_panic(expected = "recorded nothing")]
async fn an_event_that_is_missing_is_told() {
    let recorder = Recorder::of(&Pages::new(&Bus::in_process()));
    recorder.expect([PageEvent::All]);
}
