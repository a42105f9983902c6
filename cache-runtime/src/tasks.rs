//! Counts what runs on behalf of a bus, so that closing it can wait for the end of it.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of handlers that still run.
#[derive(Debug, Clone)]
pub(crate) struct Tasks(Arc<watch::Sender<usize>>);

impl Tasks {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(crate) fn start(&self) -> Running {
        self.0.send_modify(|running| *running += 1);
        Running(self.clone())
    }

    /// Waits until nothing runs.
    pub(crate) async fn ended(&self) {
        // The sender is held by `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|running| *running == 0).await;
    }
}

/// Held by what runs.
#[derive(Debug)]
pub(crate) struct Running(Tasks);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.send_modify(|running| *running -= 1);
    }
}
