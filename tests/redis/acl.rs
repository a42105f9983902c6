//! Access rules that refuse one of several channels.

use cache_runtime::bus::{Cause, Health};
use support::{Recorder, Server, eventually, until, within};

use crate::fixture::{Teams, UserEvent, Users, builder, connect, user};

/// Lets the user `app` run all commands, on these channels only. Returns the address with its
/// credentials.
async fn allow(server: &Server, channels: &str) -> String {
    server.allow_app(&format!("+@all {channels}")).await
}

#[tokio::test]
async fn one_channel_refused_leaves_the_others_alone_and_says_what_to_allow() {
    let server = Server::start().await;
    let url = allow(&server, "&cache:users &cache-runtime:canary:*").await;
    let bus = connect(&url).await;
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    let (seen, refused) = (Recorder::new(), Recorder::new());
    let _guards = [
        users.subscribe(seen.handler()),
        teams.subscribe(refused.handler()),
    ];

    users.ready().await.expect("its channel is allowed");
    let error = within("an answer for the refused channel", teams.ready())
        .await
        .unwrap_err();
    assert_eq!(error.channel(), Some("cache:teams"));
    assert!(matches!(error.cause(), Cause::Refused(_)), "{error:?}");
    let message = format!("{error:#}");
    assert!(message.contains("ACL SETUSER app"), "{message}");
    assert!(message.contains("&cache:teams"), "{message}");
    assert!(!message.contains("secret"), "{message}");

    users.invalidate_user(1u64).await.unwrap();
    seen.until("the event of the allowed channel", |events| {
        events.contains(&user(1))
    })
    .await;
    let error = teams.invalidate_user(1u64).await.unwrap_err();
    assert!(error.is_forbidden() && error.is_refused(), "{error:?}");
    assert!(format!("{error:#}").contains("&cache:teams"), "{error}");
    let health = bus.health();
    assert!(
        matches!(&health, Health::Down(Cause::Refused(_))),
        "{health:?}"
    );

    // The rule in the message suffices.
    let rules = "&cache:users &cache-runtime:canary:* &cache:teams";
    allow(&server, rules).await;
    let ready = async || teams.ready().await;
    eventually("the channel to be live", ready, Result::is_ok)
        .await
        .unwrap();
    teams.invalidate_user(2u64).await.unwrap();
    refused
        .until("the event", |events| events.contains(&user(2)))
        .await;
    bus.ready().await.unwrap();
}

#[tokio::test]
async fn canaries_refused_keep_everything_down_and_say_what_to_allow() {
    let server = Server::start().await;
    let url = allow(&server, "&prod:cache:users").await;
    let bus = builder(&url).namespace("prod").connect().await.unwrap();
    let users = Users::new(&bus);
    let _guard = users.subscribe(|_| ());
    let error = within("an answer", users.ready()).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("&prod:cache-runtime:canary:*"),
        "{error}"
    );

    let rules = "&prod:cache:users &prod:cache-runtime:canary:*";
    allow(&server, rules).await;
    let ready = async || users.ready().await;
    eventually("the channel to be live", ready, Result::is_ok)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_permission_that_is_revoked_is_a_loss() {
    let server = Server::start().await;
    // Redis 6.2 ends no subscriptions of a user that had access to all channels.
    let url = allow(&server, "&cache:* &cache-runtime:*").await;
    let bus = connect(&url).await;
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    let seen = Recorder::new();
    let _guards = [users.subscribe(seen.handler()), teams.subscribe(|_| ())];
    bus.ready().await.unwrap();

    // The server disconnects subscribers that lose the access to a channel.
    allow(&server, "&cache:teams &cache-runtime:canary:*").await;
    let mut health = users.watch_health();
    let refused = |health: &Health| matches!(health, Health::Down(Cause::Refused(_)));
    until("the revoked channel to be refused", &mut health, refused).await;
    let ready = async || teams.ready().await;
    eventually("the other channel to be live", ready, Result::is_ok)
        .await
        .unwrap();

    seen.clear();
    allow(&server, "allchannels").await;
    seen.until("the handler to be told", |events| {
        events.contains(&UserEvent::All)
    })
    .await;
    let ready = async || users.ready().await;
    eventually("the channel to be live", ready, Result::is_ok)
        .await
        .unwrap();
}
