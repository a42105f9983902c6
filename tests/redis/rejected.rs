//! Messages that do not decode as events of the channel.

use std::time::Duration;

use cache_runtime::bus::{Cause, Health, OnRejected};
use support::{Server, eventually, within};

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

    // Those that follow cause one more flush, at the end of the interval. Until then the channel is
    // not live.
    let mut health = users.watch_health();
    watched.forget();
    for payload in REJECTED {
        admin.publish("cache:users", payload).await;
    }
    let rejected = async || users.stats().rejected;
    eventually("all to be rejected", rejected, |count| *count == 6).await;
    let live = within("the channel to be live", health.wait_for(Health::is_live)).await;
    drop(live.unwrap());
    watched.told().await;

    watched.passes(&users, 0).await;
    watched.forget();
    watched.passes(&users, 1).await;
    assert_eq!(watched.handler.seen(), [user(1)]);
}

#[tokio::test]
async fn that_follow_the_first_keep_the_channel_from_being_live() {
    let server = Server::start().await;
    let admin = server.admin().await;
    // The flush at the end of the interval does not come during this test.
    let interval = Duration::from_secs(3600);
    let builder = patient(builder(&server.url())).rejection_interval(interval);
    let bus = builder.connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    admin.publish("cache:users", REJECTED[0]).await;
    watched.told().await;
    let mut health = users.watch_health();
    admin.publish("cache:users", REJECTED[1]).await;
    let down = health.wait_for(|health| *health == Health::Down(Cause::Rejected));
    drop(within("the channel not to be live", down).await.unwrap());
    // Events still arrive, and there was only one `All`.
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
