//! Events from `NOTIFY`, without rows.

use cache_runtime::Bus;
use cache_runtime::transactional_outbox::Running;
use cache_runtime::transactional_outbox::postgres::Notifications;
use support::{Postgres, Server, within};
use tokio_postgres::NoTls;

use crate::fixture::{Instance, UserEvent, connect};

fn notifications(database: &str) -> Notifications {
    let address = database.to_owned();
    Notifications::new(move || {
        let address = address.clone();
        async move { tokio_postgres::connect(&address, NoTls).await }
    })
}

/// The notifications that reach `instance`.
async fn listen(server: &Postgres, instance: &Instance) -> (String, Running) {
    let database = server.database().await;
    let listening = notifications(&database).publish_to(&instance.users);
    let running = listening.start();
    let seen = &instance.seen;
    seen.until("`All` after the connect", |seen| {
        seen.contains(&UserEvent::All)
    })
    .await;
    seen.clear();
    (database, running)
}

const NOTIFY: &str = r#"SELECT pg_notify('cache:users', '{"type" : "user", "userId" : 7}')"#;

#[tokio::test]
async fn are_published() {
    let server = Postgres::start().await;
    let instance = Instance::new_in_process(&Bus::in_process()).await;
    let (database, _running) = listen(&server, &instance).await;
    let client = Postgres::connect(&database).await;
    client.batch_execute(NOTIFY).await.unwrap();
    client
        .batch_execute("NOTIFY \"cache:users\", 'no event'")
        .await
        .unwrap();
    let seen = &instance.seen;
    seen.until("two events", |seen| seen.len() == 2).await;
    assert_eq!(
        seen.take(),
        [UserEvent::User { user_id: 7 }, UserEvent::All]
    );
}

#[tokio::test]
async fn that_nobody_heard_are_published_as_all() {
    let server = Postgres::start().await;
    let instance = Instance::new_in_process(&Bus::in_process()).await;
    let (database, _running) = listen(&server, &instance).await;
    let client = Postgres::connect(&database).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.batch_execute(end).await.unwrap();
    instance
        .seen
        .until("`All`", |seen| seen.contains(&UserEvent::All))
        .await;
    client.batch_execute(NOTIFY).await.unwrap();
    let event = UserEvent::User { user_id: 7 };
    instance
        .seen
        .until("the event", |seen| seen.contains(&event))
        .await;
}

#[tokio::test]
async fn that_could_not_be_published_are_owed() {
    let server = Postgres::start().await;
    let mut redis = Server::start().await;
    let instance = Instance::new(connect(&redis.url()).await).await;
    let (database, _running) = listen(&server, &instance).await;
    let other = Instance::new(connect(&redis.url()).await).await;
    redis.kill9();
    let client = Postgres::connect(&database).await;
    client.batch_execute(NOTIFY).await.unwrap();
    let failed = async || instance.users.stats().publish_failures;
    support::eventually("a failure", failed, |failures| *failures > 0).await;
    let published = instance.users.stats().published;
    redis.restart().await;
    let sent = async || instance.users.stats().published;
    support::eventually("`All`", sent, |sent| *sent > published).await;
    other
        .seen
        .until("`All`", |seen| seen.contains(&UserEvent::All))
        .await;
}

#[tokio::test]
async fn end_with_their_bus() {
    let server = Postgres::start().await;
    let database = server.database().await;
    within("the end without a service", notifications(&database).run()).await;
    let instance = Instance::new_in_process(&Bus::in_process()).await;
    let listening = notifications(&database).publish_to(&instance.users);
    let running = tokio::spawn(listening.run());
    let seen = &instance.seen;
    seen.until("`All` after the connect", |seen| !seen.is_empty())
        .await;
    instance.bus.close().await;
    within("the end", running).await.unwrap();
}
