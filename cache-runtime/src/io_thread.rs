//! The thread on which all buses of the process do their I/O. So a bus belongs to no runtime of the
//! program. It works from a `static`, from any executor, and while the program's threads are
//! blocked.
//!
//! The thread also runs inline subscribers for received events, and with them the closures that say
//! what an event evicts. While one of them blocks, no bus of the process receives events or renews
//! its lease, and the timeouts of this module do not fire.

use std::future::pending;
use std::io;
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, Timeout};

/// The most threads on which Tokio resolves the names of servers.
const BLOCKING: usize = 4;

static THREAD: LazyLock<Result<Handle, Arc<str>>> = LazyLock::new(start);

/// The runtime of the thread, or why the system did not start the thread.
pub(crate) fn handle() -> Result<&'static Handle, Arc<str>> {
    THREAD.as_ref().map_err(Arc::clone)
}

/// The runtime of the caller, or that of the thread if the caller has none.
pub(crate) fn here() -> Option<Handle> {
    let here = Handle::try_current().ok();
    here.or_else(|| handle().ok().cloned())
}

/// Runs a task in the runtime of the caller, or on the thread if the caller has none. `None` if there is
/// no thread.
pub(crate) fn spawn_here<F>(task: F) -> Option<JoinHandle<F::Output>>
where
    F: Future<Output: Send> + Send + 'static,
{
    #[cfg(simulation)]
    return Some(crate::simulation::process::spawn(task));
    #[cfg(not(simulation))]
    Some(here()?.spawn(task))
}

/// Runs a task on the thread. `None` if there is no thread.
pub(crate) fn spawn<F>(task: F) -> Option<JoinHandle<F::Output>>
where
    F: Future<Output: Send> + Send + 'static,
{
    // The concurrency checker has to run everything on threads of its own.
    if cfg!(shuttle) {
        return Some(Handle::try_current().ok()?.spawn(task));
    }
    #[cfg(simulation)]
    return Some(crate::simulation::process::spawn(task));
    #[cfg(not(simulation))]
    Some(handle().ok()?.spawn(task))
}

/// As [`tokio::time::timeout`], for callers without a runtime. The thread for I/O drives the timer.
pub(crate) fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    let _entered = enter();
    tokio::time::timeout(limit, future)
}

/// As [`tokio::time::sleep`], for callers without a runtime. The thread for I/O drives the timer.
pub(crate) fn sleep(time: Duration) -> Sleep {
    let _entered = enter();
    tokio::time::sleep(time)
}

/// Until the guard is dropped, timers belong to the thread for I/O. In a simulation they belong to its only
/// runtime.
fn enter() -> Option<EnterGuard<'static>> {
    if cfg!(simulation) {
        return None;
    }
    handle().ok().map(Handle::enter)
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
