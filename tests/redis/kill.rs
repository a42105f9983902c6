//! `CLIENT KILL`: the server closes the subscriber, the publisher, or both.

use support::{Server, eventually};

use crate::fixture::{UserEvent, Users, Watched, builder, patient, user};

#[tokio::test]
async fn of_the_subscriber_is_one_loss() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = patient(builder(&server.url())).connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;

    assert_eq!(admin.kill_clients("pubsub").await, 1);
    watched.told().await;
    watched.live().await;
    watched.passes(&users, 1).await;
    watched.assert_inline_told_first();
    assert_eq!(
        watched.handler.seen(),
        [UserEvent::All, user(1)],
        "told once"
    );
}

#[tokio::test]
async fn of_the_publisher_loses_nothing() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = patient(builder(&server.url())).connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;

    assert_eq!(admin.kill_clients("normal").await, 1);
    // The first publish may find the broken connection, which is an error and not a loss.
    let publish = async || users.invalidate_user(1u64).await;
    eventually("to publish again", publish, Result::is_ok)
        .await
        .unwrap();
    let arrived = |events: &[UserEvent]| events.contains(&user(1));
    watched.handler.until("the event", arrived).await;
    watched.live().await;
}

#[tokio::test]
async fn of_both_is_a_loss() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = patient(builder(&server.url())).connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;

    assert_eq!(admin.kill_clients("normal").await, 1);
    assert_eq!(admin.kill_clients("pubsub").await, 1);
    watched.told().await;
    watched.live().await;
    watched.passes(&users, 1).await;
    watched.assert_inline_told_first();
}

#[tokio::test]
async fn again_and_again_is_survived() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = patient(builder(&server.url())).connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    for round in 1..=20 {
        watched.forget();
        admin.kill_clients("pubsub").await;
        watched.told().await;
        watched.live().await;
        watched.passes(&users, round).await;
    }
}
