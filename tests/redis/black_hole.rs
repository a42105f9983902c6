//! A network that swallows bytes without closing anything.

use support::{Direction, Proxy, Server};

use crate::fixture::{Users, Watched, connect};

async fn survives(direction: Direction) {
    let server = Server::start().await;
    let admin = server.admin().await;
    let proxy = Proxy::to(server.port()).await;
    let bus = connect(&proxy.url()).await;
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;

    proxy.black_hole(direction);
    watched.down().await;
    watched.assert_inline_told_first();
    // The handler is flushed now, because the outage takes long, and again when it ends.
    watched.told().await;
    watched.handler.clear();
    admin
        .publish("cache:users", r#"{"type":"user","userId":1}"#)
        .await;
    proxy.heal();
    watched.told().await;
    watched.live().await;
    watched.passes(&users, 2).await;
}

#[tokio::test]
async fn to_the_server_is_noticed_and_survived() {
    survives(Direction::ToServer).await;
}

#[tokio::test]
async fn to_the_client_is_noticed_and_survived() {
    survives(Direction::ToClient).await;
}

#[tokio::test]
async fn in_both_directions_is_noticed_and_survived() {
    survives(Direction::Both).await;
}

#[tokio::test]
async fn connections_cut_are_replaced() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let bus = connect(&proxy.url()).await;
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    proxy.cut();
    watched.told().await;
    watched.live().await;
    watched.assert_inline_told_first();
    let publish = async || users.invalidate_user(1u64).await;
    support::eventually("to publish again", publish, Result::is_ok)
        .await
        .unwrap();
    watched.passes(&users, 2).await;
}
