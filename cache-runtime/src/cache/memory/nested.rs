//! Which loads are being polled on this thread, so that a load that waits for itself is known.
//!
//! A loader that reads its own key, directly or through other caches, would wait for its own end. A load
//! that runs in a task of its own takes along what was polled where it was spawned, for as long as that
//! waits for it. Tasks that wait for each other's loads are not known; their wait ends with `load_wait`.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::Poll;

use futures_util::future::poll_fn;
use tokio::time::Sleep;

use super::sync::thread_local;

/// A load: the address of its store, the hash of its key, and its id.
pub(super) type LoadId = (usize, u64, u64);

thread_local! {
    static POLLED: RefCell<Vec<Polling>> = const { RefCell::new(Vec::new()) };
}

/// A load that is being polled, or that waits for a task that is.
#[derive(Clone)]
pub(super) struct Polling {
    load: LoadId,
    /// Held by the callers through which it waits for the task: once one of them is gone, it does not.
    waits: Vec<Weak<Waits>>,
}

/// Held by a caller while it waits for a load in a task.
pub(super) struct Waits;

impl From<LoadId> for Polling {
    fn from(load: LoadId) -> Self {
        let waits = Vec::new();
        Self { load, waits }
    }
}

impl Polling {
    /// Whether the load goes on only after what is being polled.
    fn waits(&self) -> bool {
        self.waits.iter().all(|waits| waits.strong_count() > 0)
    }
}

/// Notes that so many loads are being polled, until it is dropped.
struct Polled(usize);

impl Polled {
    fn new(loads: &[Polling]) -> Self {
        POLLED.with(|polled| polled.borrow_mut().extend_from_slice(loads));
        Self(loads.len())
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        POLLED.with(|polled| {
            let mut polled = polled.borrow_mut();
            let before = polled.len() - self.0;
            polled.truncate(before);
        });
    }
}

/// When a load is given up; `None` if it is not. Boxed, because most loads have no limit.
pub(crate) type Limit = Option<Pin<Box<Sleep>>>;

/// Runs the loader of some loads; `None` if it is given up.
pub(super) async fn run<T>(
    loads: &[Polling],
    mut limit: Limit,
    loader: impl Future<Output = T>,
) -> Option<T> {
    let mut loader = pin!(loader);
    poll_fn(|context| {
        let _polled = Polled::new(loads);
        if let Poll::Ready(output) = loader.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        match &mut limit {
            Some(timer) => timer.as_mut().poll(context).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

/// The loads that are being polled on this thread, for a task that loads for a caller: a load that
/// waits for it is waited for by the caller. They count while the caller holds `waits`.
pub(super) fn polled(waits: &Arc<Waits>) -> Vec<Polling> {
    let mut polled = POLLED.with(|polled| polled.borrow().clone());
    for polling in &mut polled {
        polling.waits.push(Arc::downgrade(waits));
    }
    polled
}

/// Whether a load that is `wanted` waits for what is being polled on this thread.
pub(super) fn is_polled(wanted: impl Fn(&LoadId) -> bool) -> bool {
    let wanted = |polling: &Polling| wanted(&polling.load) && polling.waits();
    POLLED.with(|polled| polled.borrow().iter().any(wanted))
}
