//! What rows are published as, and what writers see.

use std::convert::Infallible;

use cache_runtime::transactional_outbox::{AddError, postgres, sqlite};
use cache_runtime::{Bus, Evict, RedisCache};
use rusqlite::Connection;
use support::{Server, eventually};

use crate::database::{Database, End};
use crate::fixture::{Instance, LONG, Teams, UserEvent, Users, connect, empty, relay};

#[tokio::test]
async fn need_a_transaction() {
    let users = Users::new(&Bus::in_process());
    let mut database = Connection::open_in_memory().unwrap();
    let error = sqlite::add(&database, &users, &UserEvent::All).unwrap_err();
    assert!(matches!(error, AddError::NoTransaction), "{error}");
    let transaction = database.transaction().unwrap();
    let error = sqlite::add(&transaction, &users, &UserEvent::All).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.starts_with("the event could not be added to the outbox: no such table"),
        "{text}"
    );
}

#[tokio::test]
async fn evict_here_at_the_commit() {
    let database = Database::sqlite();
    let instance = Instance::new_in_process(&Bus::in_process()).await;
    assert_eq!(instance.version(&database, 7).await, 0);
    database.change(&instance.users, 7, End::Rollback).await;
    assert_eq!(instance.versions.get(&7), Some(0));
    // No relay runs.
    database.change(&instance.users, 7, End::Commit).await;
    assert_eq!(instance.version(&database, 7).await, 1);
}

/// What is no event of its channel may be any. A row of a channel that nobody has built is sent as it
/// is, and one that is refused holds up nobody.
#[tokio::test]
async fn that_are_no_events_are_published_as_all() {
    let database = Database::sqlite();
    let instance = Instance::new_in_process(&Bus::in_process()).await;
    database
        .run(
            "INSERT INTO cache_outbox (channel, payload) VALUES
             ('cache:unknown', '{}'), ('cache:users', '{\"type\":\"nobody\"}'),
             ('cache:users', ' {\"userId\": 3, \"type\": \"user\"}')",
        )
        .await;
    let _relay = relay(&instance.bus, database.outbox()).start();
    empty(&database).await;
    let seen = &instance.seen;
    seen.until("both events", |seen| seen.len() == 2).await;
    let mut seen = seen.seen();
    seen.sort_by_key(|event| *event == UserEvent::All);
    assert_eq!(seen, [UserEvent::User { user_id: 3 }, UserEvent::All]);
}

#[tokio::test]
async fn that_are_refused_neither_stop_nor_slow_others() {
    const CHANGES: u64 = 30;
    let database = Database::sqlite();
    let server = Server::start().await;
    let instance = Instance::new(connect(&server.url()).await).await;
    let url = server
        .allow_app("+@all &cache:users &cache-runtime:*")
        .await;
    let bus = connect(&url).await;
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    database
        .run(
            "INSERT INTO cache_outbox (channel, payload)
             VALUES ('cache:a', '{}'), ('cache:teams', '{}'), ('cache:c', '{}')",
        )
        .await;
    let _relay = relay(&bus, database.outbox()).batch(1).start();
    // Each is published by another look at the table.
    for user_id in 1..=CHANGES {
        database.change(&users, user_id, End::Commit).await;
        let event = UserEvent::User { user_id };
        let seen = |seen: &[UserEvent]| seen.contains(&event);
        instance.seen.until("the event", seen).await;
    }
    let three = |rows: &i64| *rows == 3;
    eventually("three rows", async || database.rows().await, three).await;
    let failures = teams.stats().publish_failures;
    assert!((1..CHANGES).contains(&failures), "{failures}");
    // They are published once they are allowed.
    server.allow_app("+@all allchannels").await;
    empty(&database).await;
}

/// The event is published, and nobody may delete in Redis what it evicts.
#[tokio::test]
async fn that_must_not_evict_hold_up_no_others() {
    let database = Database::sqlite();
    let server = Server::start().await;
    let bus = connect(&server.allow_app("+@all allchannels").await).await;
    let users = Users::new(&bus);
    let _versions = RedisCache::<i64>::builder(&bus, "versions", LONG)
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id.to_string()),
            UserEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    database.change(&users, 7, End::Commit).await;
    database
        .run("INSERT INTO cache_outbox (channel, payload) VALUES ('cache:a', '{}')")
        .await;
    let _relay = relay(&bus, database.outbox()).batch(1).start();
    let others = async || {
        let others = "SELECT count(*) FROM cache_outbox WHERE channel <> 'cache:users'";
        database.number(others).await
    };
    eventually("the other row to be gone", others, |rows| *rows == 0).await;
    assert_eq!(database.rows().await, 1);
}

/// A relay deletes in Redis before it sends the event, as every publisher does.
#[tokio::test]
async fn evict_in_redis_although_nobody_receives_them() {
    let database = Database::sqlite();
    let server = Server::start().await;
    // The instance never receives anything.
    let url = server.allow_app("+@all -subscribe ~* &*").await;
    let bus = connect(&url).await;
    let users = Users::new(&bus);
    let versions = RedisCache::<i64>::builder(&bus, "versions", LONG)
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id.to_string()),
            UserEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    let show = async || {
        let load = async || Ok::<_, Infallible>(database.version(7).await);
        versions.try_get_or_load("7", load).await.unwrap()
    };
    assert_eq!(show().await, 0);
    let other = Users::new(&Bus::in_process());
    database.change(&other, 7, End::Commit).await;
    assert_eq!(show().await, 0, "nobody has published the change");
    let _relay = relay(&bus, database.outbox()).start();
    empty(&database).await;
    assert_eq!(show().await, 1);
}

/// The trigger of the documentation.
#[tokio::test]
async fn of_triggers_are_published_like_all_others() {
    let database = Database::postgres().await;
    let trigger = include_str!("../../cache-runtime/src/transactional_outbox/postgres/trigger.sql");
    database.run(trigger).await;
    let instance = Instance::new_in_process(&Bus::in_process()).await;
    let _relay = relay(&instance.bus, database.outbox())
        .poll_interval(LONG)
        .start();
    let user = |user_id| UserEvent::User { user_id };
    for (statement, events) in [
        ("INSERT INTO users VALUES (5, 1)", vec![user(5)]),
        ("UPDATE users SET version = 2 WHERE id = 5", vec![user(5)]),
        (
            "UPDATE users SET id = 6 WHERE id = 5",
            vec![user(5), user(6)],
        ),
        ("DELETE FROM users WHERE id = 6", vec![user(6)]),
        ("TRUNCATE users", vec![UserEvent::All]),
    ] {
        database.run(statement).await;
        let seen = &instance.seen;
        seen.until("its events", |seen| seen.len() == events.len())
            .await;
        let mut seen = seen.take();
        seen.sort_by_key(|event| *event == user(6));
        assert_eq!(seen, events, "{statement}");
    }
    assert!(postgres::CREATE_TABLES.contains("cache_outbox_add"));
}
