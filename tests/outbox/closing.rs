//! Closing a bus sends what is left, and says what it could not send.

use std::time::Duration;

use cache_runtime::bus::Unsent;
use cache_runtime::cache_invalidation;
use support::{eventually, within};

use crate::fixture::{LONG, Place, Teams, UserEvent, deferred, user};
use crate::log;

#[cache_invalidation(channel = "cache:panics", event = UserEvent)]
struct Panics;

#[tokio::test]
async fn sends_what_is_left() {
    let place = Place::new().await;
    place.cut_off();
    place.defer(1).await;
    let closing = place.bus.close_within(LONG);
    let healing = async { place.proxy.heal() };
    let (unsent, ()) = within("the outbox to be empty", async {
        tokio::join!(closing, healing)
    })
    .await;
    assert_eq!(unsent, Unsent::default());
    assert_eq!(unsent.to_string(), "every event was sent");
    place.reader.hears(user(1)).await;
}

#[tokio::test]
async fn says_what_was_not_sent() {
    let place = Place::new().await;
    let teams = Teams::new(&place.bus);
    place.cut_off();
    place.defer(1).await;
    place.defer(2).await;
    deferred(teams.invalidate_all().await);
    let unsent = within("the bus to close", place.bus.close()).await;
    let channels: Vec<_> = unsent.channels().collect();
    assert_eq!(channels, [("cache:teams", 1), ("cache:users", 2)]);
    assert_eq!(unsent.events(), 3);
    assert_eq!(
        unsent.to_string(),
        "3 events were not sent: 1 of cache:teams, 2 of cache:users"
    );
    assert_eq!(place.users.stats().given_up, 2);
    assert_eq!(place.bus.close().await, unsent, "every caller is told");
    let error = place.users.invalidate_user(3u64).await.unwrap_err();
    assert!(error.is_refused() && error.is_closed());
}

#[tokio::test]
async fn of_a_future_that_is_dropped_goes_on() {
    let place = Place::new().await;
    place.cut_off();
    place.defer(1).await;
    let closing = place.bus.close_within(LONG);
    drop(tokio::time::timeout(Duration::ZERO, closing).await);
    place.proxy.heal();
    place.reader.hears(user(1)).await;
}

/// Whoever comes first, the outbox goes on until the later limit, and each waits for its own.
#[tokio::test]
async fn by_two_callers_sends_until_the_later_limit() {
    for is_longest_first in [true, false] {
        let place = Place::new().await;
        place.cut_off();
        place.defer(1).await;
        let long = place.bus.close_within(LONG);
        let short = async {
            let unsent = place.bus.close().await;
            assert_eq!(unsent.events(), 1, "{unsent}");
            place.proxy.heal();
        };
        let both = async {
            if is_longest_first {
                tokio::join!(long, short).0
            } else {
                tokio::join!(short, long).1
            }
        };
        let unsent = within("the end of both", both).await;
        assert_eq!(unsent, Unsent::default());
        place.reader.hears(user(1)).await;
        assert_eq!(place.users.stats().resent, 1);
    }
}

/// What receives the log may panic. The sender goes on, so that nothing waits forever.
#[tokio::test]
async fn after_a_panic_sends_what_is_left() {
    log::start();
    let place = Place::new().await;
    let panics = Panics::new(&place.bus);
    place.cut_off();
    deferred(panics.invalidate_user(1u64).await);
    deferred(panics.invalidate_user(2u64).await);
    place.proxy.heal();
    let left = async || panics.stats().in_outbox();
    eventually("the outbox to be empty", left, |left| *left == 0).await;
    assert!(log::has_panicked());
    let stats = panics.stats();
    assert_eq!((stats.resent, stats.given_up), (2, 0), "{stats:?}");
    assert!(place.bus.close().await.is_empty());
}

/// The last handle is gone, and what is left is sent all the same.
#[tokio::test]
async fn by_dropping_the_last_handle_sends_what_is_left() {
    let place = Place::with(|bus| bus.response_timeout(LONG)).await;
    place.cut_off();
    place.defer(1).await;
    place.proxy.heal();
    let Place {
        reader,
        bus,
        users,
        proxy: _proxy,
        server: _server,
    } = place;
    drop((bus, users));
    reader.hears(user(1)).await;
}
