//! The outbox in PostgreSQL.
//!
//! The lease is a row with an end by the server's clock. An advisory lock would belong to a session,
//! so a relay that is frozen or cut off would keep it until its connection ends. `FOR UPDATE SKIP
//! LOCKED` would in addition keep a transaction open while Redis is asked, and vacuum waits for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Connection, Error, Transaction};

use super::session::{Connect, Session};
use crate::event::InvalidationEvent;
use crate::service::Invalidator;
use crate::sync::Mutex;
use crate::transactional_outbox::new_row::{AddError, NewRow};
use crate::transactional_outbox::store::{Row, Store};

/// The tables, functions and the trigger of the outbox, for your migrations.
pub const CREATE_TABLES: &str = include_str!("tables.sql");

const ADD: &str = "INSERT INTO cache_outbox (channel, payload) VALUES ($1, $2)";

const ANY: &str = "SELECT FROM cache_outbox WHERE id > $1 LIMIT 1";

/// A lease that was taken in the future says that the clock was set back. The time is read again
/// after the wait for another relay that takes the lease.
const TAKE_LEASE: &str = "\
INSERT INTO cache_outbox_lease AS held (id, owner, taken, expires)
SELECT 1, $1, now, now + $2 * interval '1 millisecond' FROM (SELECT clock_timestamp() AS now) AS at
ON CONFLICT (id) DO UPDATE
SET owner = excluded.owner, taken = excluded.taken, expires = excluded.expires
WHERE held.owner = excluded.owner OR held.expires < clock_timestamp()
    OR held.taken > clock_timestamp()
RETURNING id";

const ROWS: &str =
    "SELECT id, channel, payload FROM cache_outbox WHERE id > $1 ORDER BY id LIMIT $2";

const DELETE: &str = "DELETE FROM cache_outbox WHERE id = ANY($1)";

const RELEASE: &str = "DELETE FROM cache_outbox_lease WHERE owner = $1";

/// The channel that the trigger on the table notifies.
const NOTIFIED: &str = "cache_outbox";

/// Adds an event to the outbox, in the transaction that makes the change. Commit it, and then call
/// [`NewRow::committed`].
///
/// # Errors
///
/// When the event cannot be encoded or is too large, or when the database refuses the row, for
/// example because [`CREATE_TABLES`] has not been run. Then the transaction can only be rolled back.
///
/// # Cancel safety
///
/// If the future is dropped, the row may be in the transaction or not.
pub async fn add<'a, E: InvalidationEvent>(
    transaction: &Transaction<'_>,
    service: &'a Invalidator<E>,
    event: &'a E,
) -> Result<NewRow<'a, E>, AddError<Error>> {
    let row = NewRow::new(service, event).map_err(AddError::Event)?;
    // Unnamed statements work through poolers too.
    let values: [(&(dyn ToSql + Sync), Type); 2] =
        [(&row.channel(), Type::TEXT), (&row.payload(), Type::TEXT)];
    let added = transaction.query_typed(ADD, &values).await;
    added.map_err(AddError::Database)?;
    Ok(row)
}

/// The tables of [`CREATE_TABLES`] in a database, for a [`Relay`](crate::transactional_outbox::Relay).
pub struct Outbox {
    connect: Connect,
    /// Missing while it is in use, and after a failure.
    session: Mutex<Option<Session>>,
    news: Arc<Notify>,
}

impl Outbox {
    /// The outbox of the database that `connect` connects to. The relay calls it when it runs, and
    /// again after every failure, in the Tokio runtime in which it runs.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use cache_runtime::Bus;
    /// use cache_runtime::transactional_outbox::{Relay, postgres};
    /// use tokio_postgres::NoTls;
    ///
    /// # async fn run(bus: Bus) {
    /// let outbox = postgres::Outbox::new(|| tokio_postgres::connect("host=/run/postgresql", NoTls));
    /// tokio::spawn(Relay::new(&bus, outbox).run());
    /// # }
    /// ```
    pub fn new<F, S, T>(connect: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(Client, Connection<S, T>), Error>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self {
            connect: Connect::new(connect),
            session: Mutex::default(),
            news: Arc::default(),
        }
    }

    /// Takes the session, so that one whose use fails or is cancelled is not used again.
    async fn session(&self) -> Result<Session, Error> {
        let session = self.session.lock().take();
        if let Some(session) = session.filter(|session| !session.client.is_closed()) {
            return Ok(session);
        }
        let news = Arc::clone(&self.news);
        // Also when the connection ends: notifications may be lost until there is another one.
        Session::open(&self.connect, [NOTIFIED].into_iter(), move |_| {
            news.notify_one();
        })
        .await
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
    ) -> Result<Option<Vec<Row>>, Error> {
        let session = self.session().await?;
        let client = &session.client;
        let any = client.query_typed(ANY, &[(&after, Type::INT8)]).await?;
        let lease = lease.as_secs_f64() * 1000.0;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = Some(Vec::new());
        // Most looks find nothing, and need not write.
        if !any.is_empty() {
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&owner, Type::TEXT), (&lease, Type::FLOAT8)];
            let taken = client.query_typed(TAKE_LEASE, &values).await?;
            if taken.is_empty() {
                rows = None;
            } else {
                let values: [(&(dyn ToSql + Sync), Type); 2] =
                    [(&after, Type::INT8), (&limit, Type::INT8)];
                let found = client.query_typed(ROWS, &values).await?;
                rows = Some(found.iter().map(row).collect::<Result<_, _>>()?);
            }
        }
        *self.session.lock() = Some(session);
        Ok(rows)
    }

    async fn delete(&self, owner: &str, ids: &[i64], release: bool) -> Result<(), Error> {
        let session = self.session().await?;
        let client = &session.client;
        if !ids.is_empty() {
            let values: [(&(dyn ToSql + Sync), Type); 1] = [(&ids, Type::INT8_ARRAY)];
            client.query_typed(DELETE, &values).await?;
        }
        if release {
            let values: [(&(dyn ToSql + Sync), Type); 1] = [(&owner, Type::TEXT)];
            client.query_typed(RELEASE, &values).await?;
        }
        *self.session.lock() = Some(session);
        Ok(())
    }

    async fn changed(&self) {
        self.news.notified().await;
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    Ok(Row {
        id: row.try_get(0)?,
        channel: row.try_get(1)?,
        payload: row.try_get::<_, String>(2)?.into_bytes(),
    })
}
