//! Redis is away, or accepts what it does not pass on. The rows stay.

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
