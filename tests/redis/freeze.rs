//! SIGSTOP: the server keeps its connections and answers nothing.

use support::Server;

use crate::fixture::{Users, Watched, connect};

#[tokio::test]
async fn of_the_server_is_noticed_and_survived() {
    let server = Server::start().await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;

    server.freeze();
    watched.down().await;
    watched.assert_inline_told_first();
    let error = users.invalidate_user(1u64).await.unwrap_err();
    assert!(error.cause().is_some(), "{error:?}");
    assert!(!users.health().is_live());

    // The handler is flushed now, because the outage takes long, and again when it ends.
    watched.told().await;
    watched.handler.clear();
    server.thaw();
    watched.told().await;
    watched.live().await;
    watched.passes(&users, 2).await;
}
