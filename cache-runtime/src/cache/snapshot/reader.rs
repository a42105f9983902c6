//! Reads of a snapshot that cost one load of an atomic.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::Snapshot;

/// A handle of a [`Snapshot`] that keeps the value which it has read last, and waits for later ones.
///
/// While the value stays, [`get`](Self::get) writes to no memory that threads share. So it costs a few
/// nanoseconds, however many threads read. Give each thread or connection a reader of its own. A reader
/// that is not used keeps an old value in memory.
pub struct Reader<T> {
    snapshot: Snapshot<T>,
    updates: watch::Receiver<Arc<T>>,
    value: Arc<T>,
}

impl<T: Send + Sync + 'static> Snapshot<T> {
    /// A handle for repeated reads, and for waiting until there is another value.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    /// use cache_runtime::Snapshot;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cache_runtime::snapshot::LoadError> {
    /// let limits = Snapshot::builder("limits", || async { Ok::<_, Infallible>(10) })
    ///     .poll(Duration::from_millis(1))
    ///     .load()
    ///     .await?;
    /// let mut reader = limits.reader();
    /// assert_eq!(**reader.get(), 10);
    /// assert_eq!(**reader.changed().await, 10); // it was loaded again
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        let mut updates = self.shared().value.subscribe();
        let value = Arc::clone(&updates.borrow_and_update());
        Reader {
            snapshot: self.clone(),
            updates,
            value,
        }
    }
}

impl<T: Send + Sync + 'static> Reader<T> {
    /// The value that was loaded last, as [`Snapshot::get`] returns it.
    pub fn get(&mut self) -> &Arc<T> {
        if self.updates.has_changed().unwrap_or(false) {
            self.update();
        }
        &self.value
    }

    /// Waits for a value that was loaded after the one that this reader has read last, and returns it.
    ///
    /// Of several loads in the meantime, it returns the last one. A load that finds the same value
    /// counts, too.
    ///
    /// Once the runtime in which the snapshot was loaded has ended, there is no later value, and this
    /// waits for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has missed nothing: the next call returns that value.
    pub async fn changed(&mut self) -> &Arc<T> {
        // It fails only if the snapshot is gone, and this is a handle of it.
        let _ = self.updates.changed().await;
        self.update();
        &self.value
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot<T> {
        &self.snapshot
    }

    fn update(&mut self) {
        self.value = Arc::clone(&self.updates.borrow_and_update());
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self {
            snapshot: self.snapshot.clone(),
            updates: self.updates.clone(),
            value: Arc::clone(&self.value),
        }
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}
