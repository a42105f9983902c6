//! The thread on which buses do their I/O, so that they belong to no runtime of the program's: they
//! work from a `static`, from any executor, and while the threads of the program are blocked.
//!
//! One thread serves all buses of the process. It also runs inline subscribers, and with them the
//! closures that say what an event evicts.

use std::future::pending;
use std::io;
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, Timeout};

/// Threads for what would hold up the thread for I/O.
const BLOCKING: usize = 4;

static THREAD: LazyLock<Result<Handle, Arc<str>>> = LazyLock::new(start);

/// The runtime of the thread. An error, if the system refuses to start it.
pub(crate) fn handle() -> Result<&'static Handle, Arc<str>> {
    THREAD.as_ref().map_err(Arc::clone)
}

/// The runtime of the caller, or that of the thread if the caller has none.
pub(crate) fn here() -> Option<Handle> {
    let here = Handle::try_current().ok();
    here.or_else(|| handle().ok().cloned())
}

/// Runs a task on the thread. `None` if there is no thread.
pub(crate) fn spawn<F>(task: F) -> Option<JoinHandle<F::Output>>
where
    F: Future<Output: Send> + Send + 'static,
{
    Some(handle().ok()?.spawn(task))
}

/// Runs what takes long beside the thread.
pub(crate) fn spawn_blocking(work: impl FnOnce() + Send + 'static) {
    if let Ok(handle) = handle() {
        handle.spawn_blocking(work);
    }
}

/// As [`tokio::time::timeout`], for callers without a runtime.
pub(crate) fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    // A timer belongs to the runtime that it was made in.
    let _entered = handle().ok().map(Handle::enter);
    tokio::time::timeout(limit, future)
}

/// As [`tokio::time::sleep`], for callers without a runtime.
pub(crate) fn sleep(time: Duration) -> Sleep {
    let _entered = handle().ok().map(Handle::enter);
    tokio::time::sleep(time)
}

fn start() -> Result<Handle, Arc<str>> {
    let (sender, receiver) = mpsc::channel();
    let run = move || {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().max_blocking_threads(BLOCKING).build();
        match runtime {
            Ok(runtime) => {
                let _ = sender.send(Ok(runtime.handle().clone()));
                runtime.block_on(pending::<()>());
            }
            Err(error) => drop(sender.send(Err(error))),
        }
    };
    let named = thread::Builder::new().name("cache-io".to_owned());
    let handle = named.spawn(run).and_then(|_| {
        let started = receiver.recv();
        started.map_err(io::Error::other)?
    });
    handle.map_err(|error| format!("the thread for I/O could not be started: {error}").into())
}
