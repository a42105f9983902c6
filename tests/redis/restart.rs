//! kill -9 of the server, and its restart.

use support::Server;

use crate::fixture::{Users, Watched, connect};

#[tokio::test]
async fn of_the_server_is_a_loss_and_is_survived() {
    let mut server = Server::start().await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;

    server.kill9();
    watched.down().await;
    let error = users.invalidate_user(1u64).await.unwrap_err();
    assert_eq!(error.channel(), "cache:users");
    watched.assert_inline_told_first();

    // The handler is flushed now, because the outage takes long. It is flushed again when it ends:
    // what is published between the restart and the new subscription is lost.
    watched.told().await;
    watched.handler.clear();
    server.restart().await;
    watched.told().await;
    watched.live().await;
    watched.passes(&users, 2).await;
}

#[tokio::test]
async fn a_bus_may_be_built_before_the_server_runs() {
    let mut server = Server::start().await;
    server.kill9();
    let bus = crate::fixture::builder(&server.url())
        .connect_lazy()
        .unwrap();
    let users = Users::new(&bus);
    let guard = users.subscribe(|_| ());
    let error = users.ready().await.unwrap_err();
    assert!(format!("{error:#}").contains("cache:users"), "{error}");
    drop(guard);

    server.restart().await;
    let watched = async {
        let _guard = users.subscribe(|_| ());
        let ready = async || users.ready().await;
        support::eventually("the channel to be live", ready, Result::is_ok)
            .await
            .unwrap();
        Watched::start(&users).await
    };
    watched.await.passes(&users, 1).await;
}
