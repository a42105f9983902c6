//! A task on the library's own thread for I/O.

use tokio_util::task::AbortOnDropHandle;

use crate::io_thread;

/// A [`Relay`](super::Relay) or a listener to notifications that runs on the library's own thread for
/// I/O. It ends when this is dropped, or when its bus is closed. Nothing waits for its end, and what it
/// has not published stays where it is.
#[derive(Debug)]
#[must_use = "dropping the guard ends the relay; keep it"]
pub struct Running {
    // Missing if the system has refused the thread. Then no bus works either, and each says so.
    _task: Option<AbortOnDropHandle<()>>,
}

impl Running {
    pub(super) fn start(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            _task: io_thread::spawn(task).map(AbortOnDropHandle::new),
        }
    }
}
