//! Redis is away, or accepts what it does not pass on: the rows stay. Or the database is away.

use std::sync::{Arc, Mutex, mpsc};

use cache_runtime::Bus;
use cache_runtime::transactional_outbox::{Relay, sqlite};
use support::{Server, eventually};

use crate::database::{Database, End};
use crate::fixture::{Instance, Users, connect, empty, relay};

async fn is_killed(database: Database) {
    let mut server = Server::start().await;
    let instance = Instance::new(connect(&server.url()).await).await;
    let _relay = relay(&instance.bus, database.outbox()).start();
    assert_eq!(instance.version(&database, 7).await, 0);
    server.kill9();
    database.change(&instance.users, 7, End::Commit).await;
    // This instance reads its own write all the same.
    assert_eq!(instance.version(&database, 7).await, 1);
    let failed = async || instance.users.stats().publish_failures;
    eventually("a failure", failed, |failures| *failures > 0).await;
    assert_eq!(database.rows().await, 1);
    server.restart().await;
    empty(&database).await;
    let stats = instance.users.stats();
    assert_eq!(stats.deferred, 0, "the row is enough: {stats:?}");
}

#[tokio::test]
async fn is_killed_with_sqlite() {
    is_killed(Database::sqlite()).await;
}

#[tokio::test]
async fn is_killed_with_postgres() {
    is_killed(Database::postgres().await).await;
}

/// A replica accepts messages, which its primary's subscribers do not receive. A bus that only
/// publishes has no canary that tells.
#[tokio::test]
async fn is_demoted() {
    let database = Database::sqlite();
    let server = Server::start().await;
    let instance = Instance::new(connect(&server.url()).await).await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let admin = server.admin().await;
    admin.run::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let _relay = relay(&bus, database.outbox()).start();
    database.change(&users, 7, End::Commit).await;
    let attempts = async || users.stats().published + users.stats().publish_failures;
    eventually("attempts", attempts, |attempts| *attempts > 3).await;
    assert_eq!(database.rows().await, 1);
    admin.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    empty(&database).await;
    instance.shows(&database, 7, 1).await;
}

/// Buses resolve the names of servers on a few threads. A database must not keep them.
#[tokio::test]
async fn while_a_database_does_not_answer_buses_connect_by_name() {
    const RELAYS: usize = 4;
    let server = Server::start().await;
    let bus = Bus::in_process();
    let (answer, answers) = mpsc::channel::<()>();
    let answers = Arc::new(Mutex::new(answers));
    let (asked, mut asking) = tokio::sync::mpsc::unbounded_channel();
    let relays: Vec<_> = (0..RELAYS)
        .map(|_| {
            let (answers, asked) = (Arc::clone(&answers), asked.clone());
            let outbox = sqlite::Outbox::new(move || {
                // Nobody listens any more at the end.
                let _ = asked.send(());
                drop(answers.lock().map(|answers| answers.recv()));
                rusqlite::Connection::open_in_memory()
            });
            Relay::new(&bus, outbox).start()
        })
        .collect();
    for _ in 0..RELAYS {
        support::within("a relay to ask", asking.recv()).await;
    }
    connect(&format!("redis://localhost:{}", server.port())).await;
    drop((answer, relays));
}
