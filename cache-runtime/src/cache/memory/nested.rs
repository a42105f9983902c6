//! Which loads are being polled on this thread, so that a load that waits for itself is known.
//!
//! A loader that reads its own key, directly or through other caches, would wait for its own end. A load
//! that runs in a task of its own takes along what was polled where it was spawned.
//! Tasks that wait for each other's loads are not known; their wait ends with `load_wait`.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_util::future::poll_fn;
use tokio::time::Sleep;

use super::sync::thread_local;

/// A load: the address of its store, the hash of its key, and its id.
pub(super) type LoadId = (usize, u64, u64);

thread_local! {
    static POLLED: RefCell<Vec<LoadId>> = const { RefCell::new(Vec::new()) };
}

/// Notes that so many loads are being polled, until it is dropped.
struct Polled(usize);

impl Polled {
    fn new(loads: &[LoadId]) -> Self {
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
    loads: &[LoadId],
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

/// The loads that are being polled on this thread: a load that a task begins for them is a part of theirs.
pub(super) fn polled() -> Vec<LoadId> {
    POLLED.with(|polled| polled.borrow().clone())
}

/// Whether a loader that is being polled on this thread belongs to a load that is `wanted`.
pub(super) fn is_polled(wanted: impl Fn(&LoadId) -> bool) -> bool {
    POLLED.with(|polled| polled.borrow().iter().any(wanted))
}
