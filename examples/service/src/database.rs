//! The products, in SQLite.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

/// A product, as it is stored and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) cents: u32,
}

/// A connection to the database that all instances use.
#[derive(Clone)]
pub(crate) struct Database(Arc<Mutex<Connection>>);

impl Database {
    /// Opens the file, and creates the table if it is missing.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // Another instance may be writing.
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS products
                 (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL) STRICT",
        )?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    pub(crate) async fn get(&self, id: i64) -> rusqlite::Result<Option<Product>> {
        self.run(move |connection| {
            let query = "SELECT name, cents FROM products WHERE id = ?1";
            let product = connection.query_row(query, [id], |row| {
                Ok(Product {
                    name: row.get(0)?,
                    cents: row.get(1)?,
                })
            });
            product.optional()
        })
        .await
    }

    pub(crate) async fn put(&self, id: i64, product: Product) -> rusqlite::Result<()> {
        self.run(move |connection| {
            let put = "INSERT INTO products (id, name, cents) VALUES (?1, ?2, ?3)
                       ON CONFLICT (id) DO UPDATE SET name = ?2, cents = ?3";
            connection.execute(put, params![id, product.name, product.cents])?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn delete(&self, id: i64) -> rusqlite::Result<()> {
        self.run(move |connection| {
            connection.execute("DELETE FROM products WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }

    /// Runs on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let connection = Arc::clone(&self.0);
        let work = spawn_blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&connection)
        });
        work.await.expect("queries do not panic")
    }
}
