//! Closing a bus sends what is left, and says what it could not send.

use std::time::Duration;

use cache_runtime::bus::Unsent;
use support::within;

use crate::fixture::{LONG, Place, Teams, deferred, user};

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
    assert!(place.bus.close().await.is_empty(), "told once");
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

/// The last handle is gone, and the outbox goes on for a while.
#[tokio::test]
async fn by_dropping_the_last_handle_sends_what_is_left() {
    let place = Place::with(|bus| bus.connect_timeout(Duration::from_millis(20))).await;
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
