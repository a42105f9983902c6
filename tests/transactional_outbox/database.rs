//! The two databases, behind one face.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_runtime::transactional_outbox::{NewRow, Row, Store, postgres, sqlite};
use rusqlite::Connection;
use support::{Postgres, within};
use tokio_postgres::NoTls;

use crate::fixture::{UserEvent, Users};

const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, version bigint NOT NULL);
    INSERT INTO users SELECT 0, 0;";

/// A database with the outbox, and a table of users that each have a version.
#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(
        PathBuf,
        #[expect(dead_code, reason = "it keeps the file")] Kept,
    ),
    Postgres(
        String,
        #[expect(dead_code, reason = "it keeps the server")] Kept,
    ),
}

/// What keeps a database: its file or its server. Nothing in a child.
type Kept = Option<Arc<dyn Send + Sync>>;

/// A file of SQLite, which is removed when this is dropped.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            // A file that remains does no harm.
            drop(fs::remove_file(format!("{}{end}", self.0.display())));
        }
    }
}

/// What to do with a change and its event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    Rollback,
    /// Leave the transaction open until the process is killed.
    Never,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cache-outbox-{}-{number}.db", process::id());
        let path = env::temp_dir().join(name);
        let database = open(&path).unwrap();
        database.execute_batch("PRAGMA journal_mode = WAL").unwrap();
        database.execute_batch(sqlite::CREATE_TABLES).unwrap();
        database.execute_batch(USERS).unwrap();
        Self::Sqlite(path.clone(), Some(Arc::new(File(path))))
    }

    pub(crate) async fn postgres() -> Self {
        let server = Postgres::start().await;
        let address = server.database().await;
        let client = Postgres::connect(&address).await;
        client.batch_execute(postgres::CREATE_TABLES).await.unwrap();
        client.batch_execute(USERS).await.unwrap();
        Self::Postgres(address, Some(server))
    }

    /// The database that another process has named by [`Display`](fmt::Display).
    pub(crate) fn named(name: &str) -> Self {
        match name.strip_prefix("sqlite:") {
            Some(path) => Self::Sqlite(path.into(), None),
            None => Self::Postgres(name.to_owned(), None),
        }
    }

    /// Advances the version of a user, and adds its event to the outbox.
    pub(crate) async fn change(&self, users: &Users, user_id: u64, end: End) {
        let event = UserEvent::User { user_id };
        let id = i64::try_from(user_id).unwrap();
        let change = format!(
            "INSERT INTO users VALUES ({id}, 1)
             ON CONFLICT (id) DO UPDATE SET version = users.version + 1"
        );
        let row: NewRow<'_, UserEvent>;
        match self {
            Self::Sqlite(path, _) => {
                let mut connection = open(path).unwrap();
                let transaction = connection.transaction().unwrap();
                transaction.execute_batch(&change).unwrap();
                row = sqlite::add(&transaction, users, &event).unwrap();
                match end {
                    End::Commit => transaction.commit().unwrap(),
                    End::Rollback => transaction.rollback().unwrap(),
                    End::Never => {
                        println!("halted");
                        loop {
                            std::thread::park();
                        }
                    }
                }
            }
            Self::Postgres(address, _) => {
                let mut client = Postgres::connect(address).await;
                let transaction = client.transaction().await.unwrap();
                transaction.batch_execute(&change).await.unwrap();
                row = postgres::add(&transaction, users, &event).await.unwrap();
                match end {
                    End::Commit => transaction.commit().await.unwrap(),
                    End::Rollback => transaction.rollback().await.unwrap(),
                    End::Never => {
                        println!("halted");
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
        if end == End::Commit {
            row.committed();
        }
    }

    /// Runs a statement, as someone who knows nothing of the outbox would.
    pub(crate) async fn run(&self, statement: &str) {
        match self {
            Self::Sqlite(path, _) => open(path).unwrap().execute_batch(statement).unwrap(),
            Self::Postgres(address, _) => {
                let client = Postgres::connect(address).await;
                client.batch_execute(statement).await.unwrap();
            }
        }
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        match self {
            Self::Sqlite(path, _) => {
                let found = open(path).unwrap();
                found.query_row(query, [], |row| row.get(0)).unwrap()
            }
            Self::Postgres(address, _) => {
                let client = Postgres::connect(address).await;
                within("the database", client.query_one(query, &[]))
                    .await
                    .unwrap()
                    .get(0)
            }
        }
    }

    pub(crate) async fn version(&self, user_id: u64) -> i64 {
        let query = "SELECT CAST(coalesce(max(version), 0) AS bigint) FROM users WHERE id =";
        self.number(&format!("{query} {user_id}")).await
    }

    /// How many events are to be published.
    pub(crate) async fn rows(&self) -> i64 {
        self.number("SELECT count(*) FROM cache_outbox").await
    }

    pub(crate) fn outbox(&self) -> Outbox {
        Outbox {
            store: match self.clone() {
                Self::Sqlite(path, _) => Either::Sqlite(sqlite::Outbox::new(move || open(&path))),
                Self::Postgres(address, _) => Either::Postgres(postgres::Outbox::new(move || {
                    let address = address.clone();
                    async move { tokio_postgres::connect(&address, NoTls).await }
                })),
            },
            halt: None,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path, _) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(address, _) => f.write_str(address),
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(support::DEADLINE)?;
    Ok(connection)
}

/// When a relay stops, for the process to be killed there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    HoldingTheLease,
    BeforeTheDelete,
}

/// A store of either database.
pub(crate) struct Outbox {
    store: Either,
    pub(crate) halt: Option<Halt>,
}

enum Either {
    Sqlite(sqlite::Outbox),
    Postgres(postgres::Outbox),
}

async fn halted() {
    println!("halted");
    std::future::pending::<()>().await;
}

impl Store for Outbox {
    type Error = io::Error;

    async fn take(
        &self,
        owner: &str,
        lease: Duration,
        after: i64,
        limit: usize,
    ) -> io::Result<Option<Vec<Row>>> {
        let rows = match &self.store {
            Either::Sqlite(it) => it
                .take(owner, lease, after, limit)
                .await
                .map_err(io::Error::other),
            Either::Postgres(it) => it
                .take(owner, lease, after, limit)
                .await
                .map_err(io::Error::other),
        }?;
        if self.halt == Some(Halt::HoldingTheLease)
            && rows.as_ref().is_some_and(|it| !it.is_empty())
        {
            halted().await;
        }
        Ok(rows)
    }

    async fn delete(&self, owner: &str, ids: &[i64], release: bool) -> io::Result<()> {
        if self.halt == Some(Halt::BeforeTheDelete) {
            halted().await;
        }
        match &self.store {
            Either::Sqlite(it) => it
                .delete(owner, ids, release)
                .await
                .map_err(io::Error::other),
            Either::Postgres(it) => it
                .delete(owner, ids, release)
                .await
                .map_err(io::Error::other),
        }
    }

    async fn changed(&self) {
        match &self.store {
            Either::Sqlite(it) => it.changed().await,
            Either::Postgres(it) => it.changed().await,
        }
    }
}
