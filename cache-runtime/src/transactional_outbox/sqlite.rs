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
use std::time::Duration;

use rusqlite::{Connection, Error, Result, Transaction, TransactionBehavior, params};

use super::new_row::{AddError, NewRow};
use super::store::{Row, Store};
use crate::event::InvalidationEvent;
use crate::io_thread;
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
}

impl Outbox {
    /// The outbox of the database that `connect` opens. It is opened when the relay runs, and again
    /// after every failure.
    ///
    /// `connect` and all work on the connection run on threads for blocking work. They wait for other
    /// writers as long as the connection's `busy_timeout` says.
    pub fn new(connect: impl Fn() -> Result<Connection> + Send + Sync + 'static) -> Self {
        Self {
            connect: Arc::new(connect),
            connection: Mutex::default(),
        }
    }

    /// Works on the connection, on a thread for blocking work.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = self.connection.lock().take();
        let connect = Arc::clone(&self.connect);
        let run = move || {
            let mut connection = connection.map_or_else(&*connect, Ok)?;
            let answer = work(&mut connection)?;
            Ok((connection, answer))
        };
        let runtime = io_thread::here().ok_or_else(|| other("there is no thread"))?;
        // It fails after a panic of `connect`, and at the end of the runtime.
        let done: Result<_> = runtime.spawn_blocking(run).await.map_err(other)?;
        let (connection, answer) = done?;
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
