//! The outbox in SQLite, by `rusqlite`.
//!
//! Triggers may write rows as well, for changes by hand:
//!
//! ```sql
//! CREATE TRIGGER user_changed AFTER UPDATE ON users BEGIN
//!     INSERT INTO cache_outbox (channel, payload)
//!     VALUES ('cache:users', json_object('type', 'user', 'userId', NEW.id));
//! END;
//! ```
//!
//! SQLite does not tell other processes of a commit. A relay finds the rows of its own process at
//! once, if the writer has called [`NewRow::committed`], and those of others within its
//! [`poll_interval`](super::Relay::poll_interval).

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, Error, Result, Transaction, TransactionBehavior, params};
use tokio::sync::{Semaphore, oneshot};

use super::new_row::{AddError, NewRow};
use super::store::{Row, Store};
use crate::event::InvalidationEvent;
use crate::service::Invalidator;
use crate::sync::Mutex;

/// The tables of the outbox, for your migrations. `created` is in seconds since 1970.
pub const CREATE_TABLES: &str = "\
CREATE TABLE IF NOT EXISTS cache_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    payload TEXT NOT NULL,
    created INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER))
);
CREATE TABLE IF NOT EXISTS cache_outbox_lease (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    owner TEXT NOT NULL,
    taken INTEGER NOT NULL,
    expires INTEGER NOT NULL
);
";

/// Most threads of an outbox. More than one work only while earlier ones have not answered in time.
const THREADS: usize = 4;

const ANY: &str = "SELECT EXISTS (SELECT 1 FROM cache_outbox WHERE id > ?1)";

/// In milliseconds since 1970. A lease that was taken in the future says that the clock was set back.
const TAKE_LEASE: &str = "\
INSERT INTO cache_outbox_lease (id, owner, taken, expires)
SELECT 1, ?1, now, now + ?2
FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now) WHERE true
ON CONFLICT (id) DO UPDATE
SET owner = excluded.owner, taken = excluded.taken, expires = excluded.expires
WHERE owner = excluded.owner OR expires < excluded.taken OR taken > excluded.taken";

const ROWS: &str =
    "SELECT id, channel, payload FROM cache_outbox WHERE id > ?1 ORDER BY id LIMIT ?2";

/// Adds an event to the outbox, in the transaction that makes the change. Commit it, and then call
/// [`NewRow::committed`].
///
/// # Errors
///
/// When the event cannot be encoded or is too large, when the connection is in no transaction, or
/// when the database refuses the row, for example because [`CREATE_TABLES`] has not been run.
pub fn add<'a, E: InvalidationEvent>(
    transaction: &Connection,
    service: &'a Invalidator<E>,
    event: &'a E,
) -> Result<NewRow<'a, E>, AddError<Error>> {
    if transaction.is_autocommit() {
        return Err(AddError::NoTransaction);
    }
    let row = NewRow::new(service, event).map_err(AddError::Event)?;
    let values = params![row.channel(), row.payload()];
    transaction
        .execute(
            "INSERT INTO cache_outbox (channel, payload) VALUES (?1, ?2)",
            values,
        )
        .map_err(AddError::Database)?;
    Ok(row)
}

/// The tables of [`CREATE_TABLES`] in a database, for a [`Relay`](super::Relay).
pub struct Outbox {
    connect: Arc<dyn Fn() -> Result<Connection> + Send + Sync>,
    /// Missing while it is in use, and after a failure.
    connection: Mutex<Option<Connection>>,
    threads: Arc<Semaphore>,
}

impl Outbox {
    /// The outbox of the database that `connect` opens. It is opened when the relay runs, and again
    /// after every failure.
    ///
    /// `connect` and all work on the connection run on threads of their own, one at a time. They wait for
    /// other writers as long as the connection's `busy_timeout` says. Where that is longer than the
    /// relay's lease, the relay goes on with another connection on another thread, up to four.
    pub fn new(connect: impl Fn() -> Result<Connection> + Send + Sync + 'static) -> Self {
        Self {
            connect: Arc::new(connect),
            connection: Mutex::default(),
            threads: Arc::new(Semaphore::new(THREADS)),
        }
    }

    /// Works on the connection, on a thread that nothing else waits for.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.threads).acquire_owned().await;
        let permit = permit.map_err(other)?;
        let connection = self.connection.lock().take();
        let connect = Arc::clone(&self.connect);
        let (sender, answer) = oneshot::channel();
        let run = move || {
            let worked = connection
                .map_or_else(&*connect, Ok)
                .and_then(|mut connection| {
                    let answer = work(&mut connection)?;
                    Ok((connection, answer))
                });
            drop(permit);
            // If nobody waits any more, the connection is closed.
            drop(sender.send(worked));
        };
        let thread = thread::Builder::new().name("cache-outbox".to_owned());
        thread.spawn(run).map_err(other)?;
        // No answer comes after a panic, such as of `connect`.
        let (connection, answer) = answer.await.map_err(other)??;
        *self.connection.lock() = Some(connection);
        Ok(answer)
    }
}

impl Store for Outbox {
    type Error = Error;

    async fn take(
        &self,
        owner: &str,
        lease: Duration,
        after: i64,
        limit: usize,
    ) -> Result<Option<Vec<Row>>> {
        let owner = owner.to_owned();
        self.run(move |connection| {
            // Most looks find nothing, and need not write.
            let any: bool = connection.query_row(ANY, [after], |row| row.get(0))?;
            if !any {
                return Ok(Some(Vec::new()));
            }
            let transaction = immediate(connection)?;
            let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2);
            if transaction.execute(TAKE_LEASE, params![owner, lease])? == 0 {
                return Ok(None);
            }
            let rows = rows(&transaction, after, limit)?;
            transaction.commit()?;
            Ok(Some(rows))
        })
        .await
    }

    async fn delete(&self, owner: &str, ids: &[i64], release: bool) -> Result<()> {
        let (owner, ids) = (owner.to_owned(), ids.to_vec());
        self.run(move |connection| {
            let transaction = immediate(connection)?;
            let mut delete = transaction.prepare("DELETE FROM cache_outbox WHERE id = ?1")?;
            for id in ids {
                delete.execute([id])?;
            }
            drop(delete);
            if release {
                transaction.execute("DELETE FROM cache_outbox_lease WHERE owner = ?1", [owner])?;
            }
            transaction.commit()
        })
        .await
    }
}

/// An error that is not of SQLite. This kind prints it as it is.
fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::ToSqlConversionFailure(error.into())
}

/// Begins with the write lock. A transaction that reads first could not wait for it later.
fn immediate(connection: &mut Connection) -> Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn rows(transaction: &Transaction<'_>, after: i64, limit: usize) -> Result<Vec<Row>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = transaction.prepare(ROWS)?;
    let rows = select.query_map([after, limit], |row| {
        Ok(Row {
            id: row.get(0)?,
            channel: row.get(1)?,
            // Text, or what `jsonb` functions and other drivers write as a blob.
            payload: row.get_ref(2)?.as_bytes()?.to_vec(),
        })
    })?;
    rows.collect()
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}
