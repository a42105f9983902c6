//! Messages that do not decode as events of the channel.

use std::time::Duration;

use cache_runtime::bus::OnRejected;
use cache_runtime::{CoherentCache, Evict};
use support::{Server, eventually};

use crate::fixture::{UserEvent, Users, Watched, builder, patient, user};

const REJECTED: [&str; 5] = [
    r#"{"type":"renamed","userId":1}"#,
    r#"{"type":"user"}"#,
    r#"{"type":"user","userId":1,"more":true}"#,
    r#"["all"]"#,
    "not JSON",
];

#[tokio::test]
async fn deliver_all_and_nothing_is_omitted() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let interval = Duration::from_millis(300);
    let builder = patient(builder(&server.url())).rejection_interval(interval);
    let bus = builder.connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;

    // The first one causes a flush at once.
    admin.publish("cache:users", REJECTED[0]).await;
    watched.told().await;
    assert_eq!(users.stats().rejected, 1);

    // Those that follow cause one more flush, at the end of the interval. The channel stays live.
    watched.forget();
    for payload in REJECTED {
        admin.publish("cache:users", payload).await;
    }
    let rejected = async || users.stats().rejected;
    eventually("all to be rejected", rejected, |count| *count == 6).await;
    assert!(users.health().is_live());
    watched.told().await;

    watched.passes(&users, 0).await;
    watched.forget();
    watched.passes(&users, 1).await;
    assert_eq!(watched.handler.seen(), [user(1)]);
}

/// As during a rolling deployment with a newer publisher: each of its messages evicts, and between
/// them the cache is read as usual.
#[tokio::test]
async fn evict_from_caches_at_once_and_leave_the_channel_live() {
    let server = Server::start().await;
    let admin = server.admin().await;
    // The flush of handlers at the end of the interval does not come during this test.
    let interval = Duration::from_secs(3600);
    let builder = patient(builder(&server.url())).rejection_interval(interval);
    let bus = builder.connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    let cache = CoherentCache::builder("users", Duration::from_secs(60));
    let cache = cache
        .evict_on(&users, |_| Evict::<u64>::All)
        .build()
        .unwrap();
    for round in 1..=20 {
        // What begins to load while other subscribers are still told is not stored.
        let stored = async || {
            assert_eq!(cache.get_or_load(&1, || async { round }).await, round);
            cache.get(&1)
        };
        let stored = eventually("the value to be stored", stored, Option::is_some).await;
        assert_eq!(stored, Some(round));
        admin.publish("cache:users", REJECTED[0]).await;
        let cached = async || cache.get(&1);
        eventually("the message to evict", cached, Option::is_none).await;
        assert!(users.health().is_live());
    }
    // Handlers were flushed once.
    watched.passes(&users, 1).await;
    assert_eq!(watched.handler.seen(), [UserEvent::All, user(1)]);
}

#[tokio::test]
async fn are_only_counted_where_that_is_asked_for() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let builder = patient(builder(&server.url())).on_rejected(OnRejected::Ignore);
    let bus = builder.connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    for payload in REJECTED {
        admin.publish("cache:users", payload).await;
    }
    watched.passes(&users, 1).await;
    assert_eq!(watched.handler.seen(), [user(1)]);
    assert_eq!(users.stats().rejected, 5);
    assert!(users.health().is_live());
}

#[tokio::test]
async fn because_of_their_length_count_too() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = patient(builder(&server.url()))
        .max_payload(100)
        .connect()
        .await
        .unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    let name = "n".repeat(100);
    let error = users.invalidate_name(&*name).await.unwrap_err();
    assert!(error.is_invalid_event(), "{error:?}");
    let payload = format!(r#"{{"type":"name","name":"{name}"}}"#);
    admin.publish("cache:users", &payload).await;
    watched.told().await;
    assert_eq!(users.stats().rejected, 1);
}
