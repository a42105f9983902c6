//! The transactional outbox: events that are committed together with the change.
//!
//! A process that crashes between its commit and its publish sends no event. With an outbox it
//! commits the event as a row, in the transaction that makes the change. A [`Relay`], in this process
//! or another one, publishes the rows that are committed, and deletes each after that. So every
//! committed change is published at least once, and one that is rolled back never is.
//!
//! 1. Create the tables: `CREATE_TABLES` of the database's module.
//! 2. Write events with `add` of that module, and call [`NewRow::committed`] after the commit.
//! 3. Run a [`Relay`] in at least one instance.
//!
//! Until the row is published, other instances are stale. Watch how old the oldest row is: `SELECT
//! count(*), min(created) FROM cache_outbox`.
//!
//! | Database | Module | Feature |
//! |---|---|---|
//! | SQLite, by `rusqlite` 0.37 to 0.43 | `sqlite` | `outbox-sqlite` |
//! | PostgreSQL, by `tokio-postgres` 0.7 | `postgres` | `outbox-postgres` |
//! | others, by any driver | implement [`Store`], and write with [`NewRow`] | |
//!
//! The features choose nothing for the driver: your own dependency on it sets its features, such as
//! `bundled` of `rusqlite`.
#![cfg_attr(
    feature = "outbox-sqlite",
    doc = "
# Examples

Two instances of a service share a database. One changes a name, and the other evicts it:

```
use std::time::Duration;

use cache_runtime::transactional_outbox::{Relay, sqlite};
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use rusqlite::Connection;

#[derive(InvalidationEvent)]
enum UserEvent {
    User { user_id: u64 },
    All,
}

#[cache_invalidation(channel = \"cache:committed-users\", event = UserEvent)]
struct Users;

#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join(format!(\"cache-outbox-{}.db\", std::process::id()));
    let mut database = Connection::open(&path)?;
    database.execute_batch(sqlite::CREATE_TABLES)?; // once, in your migrations
    database.execute_batch(
        \"CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
         INSERT INTO users VALUES (7, 'Ada')\",
    )?;

    // in production, `Bus::redis(\"redis://127.0.0.1\").connect().await?` in each instance
    let here = Bus::in_process();
    let there = here.another_instance();

    // the other instance
    let users = Users::new(&there);
    let names = CoherentCache::<u64, String>::builder(\"names\", Duration::from_secs(600))
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(*user_id),
            UserEvent::All => Evict::All,
        })
        .build()?;
    let mut events = users.events();
    there.ready().await?;
    let at = path.clone();
    let name = async move || {
        let name = \"SELECT name FROM users WHERE id = 7\";
        Connection::open(at)?.query_row(name, [], |row| row.get(0))
    };
    assert_eq!(names.try_get_or_load(&7, name.clone()).await?, \"Ada\");

    // this instance; in production, a relay runs in each, and they take turns
    let users = Users::new(&here);
    let at = path.clone();
    let relay = Relay::new(&here, sqlite::Outbox::new(move || Connection::open(&at))).start();
    let transaction = database.transaction()?;
    transaction.execute(\"UPDATE users SET name = 'Grace' WHERE id = 7\", [])?;
    let event = UserEvent::User { user_id: 7 };
    let row = sqlite::add(&transaction, &users, &event)?;
    transaction.commit()?;
    row.committed(); // this instance evicts, and the relay publishes at once

    events.recv().await; // only for this example: the other instance has evicted
    assert_eq!(names.try_get_or_load(&7, name).await?, \"Grace\");
    drop(relay);
#   std::fs::remove_file(path)?;
    Ok(())
}
```
"
)]

mod new_row;
#[cfg(feature = "outbox-postgres")]
#[cfg_attr(docsrs, doc(cfg(feature = "outbox-postgres")))]
pub mod postgres;
mod refused;
mod relay;
mod running;
#[cfg(feature = "outbox-sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "outbox-sqlite")))]
pub mod sqlite;
mod store;

pub use new_row::{AddError, NewRow};
pub use relay::Relay;
pub use running::Running;
pub use store::{Row, Store};
