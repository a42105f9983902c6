//! Processes that are killed (SIGKILL) at every step between a change and the end of its row.

use std::collections::HashSet;
use std::env;

use support::{Child, Server, eventually, role};

use crate::database::{Database, End, Halt};
use crate::fixture::{Instance, UserEvent, Users, connect, empty, relay};

/// What a child does: changes user 7, and halts at a step.
async fn child(step: &str) {
    let database = Database::named(&env::var("DATABASE").unwrap());
    let bus = connect(&env::var("URL").unwrap()).await;
    let users = Users::new(&bus);
    let halt = match step {
        "before the commit" => return database.change(&users, 7, End::Never).await,
        "after the commit" => {
            database.change(&users, 7, End::Commit).await;
            println!("halted");
            return std::future::pending().await;
        }
        "with the lease" => Halt::HoldingTheLease,
        "before the delete" => Halt::BeforeTheDelete,
        _ => return write_for_ever(&database, &users).await,
    };
    database.change(&users, 7, End::Commit).await;
    let mut outbox = database.outbox();
    outbox.halt = Some(halt);
    relay(&bus, outbox).run().await;
}

/// Commits changes, rolls back every third one, and relays meanwhile.
async fn write_for_ever(database: &Database, users: &Users) {
    let bus = connect(&env::var("URL").unwrap()).await;
    let _relay = relay(&bus, database.outbox()).start();
    let start: u64 = env::var("START").unwrap().parse().unwrap();
    for id in start.. {
        let end = if id % 3 == 0 {
            End::Rollback
        } else {
            End::Commit
        };
        database.change(users, id, end).await;
        println!("changed");
    }
}

async fn at_every_step(name: &str, database: Database) {
    let server = Server::start().await;
    let url = server.url();
    let bus = connect(&url).await;
    let instances = [
        Instance::new(bus.another_instance()).await,
        Instance::new(bus).await,
    ];
    let mut version = 0;
    for step in [
        "before the commit",
        "after the commit",
        "with the lease",
        "before the delete",
    ] {
        for instance in &instances {
            assert_eq!(instance.version(&database, 7).await, version, "{step}");
        }
        let variables = [("URL", &*url), ("DATABASE", &database.to_string())];
        let mut killed = Child::same_test(name, step, &variables);
        killed.says("halted").await;
        drop(killed);
        let published = instances[0].seen.take();
        if step == "before the commit" {
            // A transaction of a process that was killed ends a moment later.
            eventually(
                "no version",
                async || database.version(7).await,
                |it| *it == 0,
            )
            .await;
        } else {
            version += 1;
            assert_eq!(database.rows().await, 1, "{step}");
        }
        if step == "before the delete" {
            assert_eq!(database.rows().await, 1);
        } else {
            // Nobody has published it, so the instances still show what they have cached.
            assert_eq!(published, [], "{step}");
            let before = version - i64::from(step != "before the commit");
            assert_eq!(instances[1].versions.get(&7), Some(before), "{step}");
        }
        let running = relay(&instances[0].bus, database.outbox()).start();
        for instance in &instances {
            instance.shows(&database, 7, version).await;
        }
        empty(&database).await;
        drop(running);
        // What was published comes before this.
        let last = UserEvent::User { user_id: 1 };
        instances[0].users.publish(&last).await.unwrap();
        for instance in &instances {
            let seen = &instance.seen;
            seen.until("the last event", |seen| seen.contains(&last))
                .await;
            let seen = seen.take();
            assert!(
                step != "before the commit" || seen == [last.clone()],
                "{seen:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_step_with_sqlite() {
    if let Some(step) = role() {
        return child(&step).await;
    }
    at_every_step("kills::at_every_step_with_sqlite", Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_step_with_postgres() {
    if let Some(step) = role() {
        return child(&step).await;
    }
    at_every_step(
        "kills::at_every_step_with_postgres",
        Database::postgres().await,
    )
    .await;
}

/// Kills a process while it writes and relays, again and again, and relays what is left.
async fn at_any_time(name: &str, database: Database) {
    let server = Server::start().await;
    let url = server.url();
    let instance = Instance::new(connect(&url).await).await;
    for round in 0..3_u64 {
        let start = (round * 100_000 + 1).to_string();
        let name_of = database.to_string();
        let variables = [("URL", &*url), ("DATABASE", &*name_of), ("START", &*start)];
        let mut writer = Child::same_test(name, "write for ever", &variables);
        for _ in 0..7 + 10 * round {
            writer.says("changed").await;
        }
    }
    let _relay = relay(&instance.bus, database.outbox()).start();
    empty(&database).await;
    instance.users.invalidate_user(0).await.unwrap();
    let last = UserEvent::User { user_id: 0 };
    instance
        .seen
        .until("the last event", |seen| seen.contains(&last))
        .await;
    let published: HashSet<u64> = (instance.seen.seen().iter())
        .filter_map(|event| match event {
            UserEvent::User { user_id } => Some(*user_id),
            UserEvent::All => None,
        })
        .collect();
    let committed = database
        .number("SELECT count(*) FROM users WHERE id > 0")
        .await;
    assert_eq!(i64::try_from(published.len() - 1).unwrap(), committed);
    assert!(committed > 20, "{committed}");
    for id in published.into_iter().filter(|id| *id > 0) {
        assert_eq!(database.version(id).await, 1, "{id} was rolled back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_any_time_with_sqlite() {
    if let Some(step) = role() {
        return child(&step).await;
    }
    at_any_time("kills::at_any_time_with_sqlite", Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_any_time_with_postgres() {
    if let Some(step) = role() {
        return child(&step).await;
    }
    at_any_time(
        "kills::at_any_time_with_postgres",
        Database::postgres().await,
    )
    .await;
}
