//! How long a caller waits for the load of another.

use std::time::Duration;

use tokio::time::Instant;

use crate::io_thread;

/// The time that one caller still waits, counted from its first wait.
pub(super) struct Patience {
    limit: Duration,
    until: Option<Instant>,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, until: None }
    }

    /// Waits for an event; `None` once the time is over.
    pub(super) async fn wait<T>(&mut self, event: impl Future<Output = T>) -> Option<T> {
        // Timers would wake the threads of the concurrency checker from outside.
        if cfg!(shuttle) && !self.limit.is_zero() {
            return Some(event.await);
        }
        let now = Instant::now();
        // The time that the system can tell is enough.
        let until = self.until.or_else(|| now.checked_add(self.limit));
        self.until = until;
        match until {
            Some(until) if until <= now => None,
            Some(until) => io_thread::timeout(until - now, event).await.ok(),
            None => Some(event.await),
        }
    }
}
