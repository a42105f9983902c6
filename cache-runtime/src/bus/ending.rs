//! The supervisors of a bus that was closed. They need the connections until they have ended.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::FutureExt;
use tokio::sync::MutexGuard;
use tokio::task::JoinHandle;

use crate::sync::Mutex;

/// The supervisors that were told to end, and are not known to have.
#[derive(Default)]
pub(super) struct Ending {
    supervisors: Mutex<Vec<JoinHandle<()>>>,
    turn: tokio::sync::Mutex<()>,
}

impl Ending {
    pub(super) fn add(&self, supervisors: Vec<JoinHandle<()>>) {
        self.supervisors.lock().extend(supervisors);
    }

    /// Only one may wait for [`over`](Self::over) at a time.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    pub(super) fn is_over(&self) -> bool {
        self.supervisors.lock().is_empty()
    }

    /// Waits until all have ended. If it is cancelled, the next call waits for the others.
    pub(super) async fn over(&self) {
        poll_fn(|cx| {
            let mut supervisors = self.supervisors.lock();
            supervisors.retain_mut(|supervisor| supervisor.poll_unpin(cx).is_pending());
            if supervisors.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    pub(super) fn abort(&self) {
        let supervisors = std::mem::take(&mut *self.supervisors.lock());
        supervisors.iter().for_each(JoinHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    #[cfg(feature = "redis")]
    use std::time::{Duration, Instant};

    use crate::bus::Bus;
    use crate::health::Health;

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn a_close_that_is_cancelled_closes_the_bus_and_the_next_one_waits() {
        let bus = Bus::in_process();
        bus.settled().await.unwrap();
        assert_eq!(bus.health(), Health::Live);
        // From now on, this task has to yield to others: what could wait does.
        while poll(tokio::task::consume_budget()).is_ready() {}
        assert!(poll(bus.close()).is_pending());
        assert_eq!(bus.health(), Health::Closed);
        assert!(!bus.shared().ending.is_over());
        bus.close().await;
        assert!(bus.shared().ending.is_over());
    }

    #[cfg(feature = "redis")]
    #[tokio::test]
    async fn without_a_handle_the_outbox_goes_on_for_as_long_as_the_next_attempt_may_take() {
        let [connect, response, backoff] = [60, 600, 6000].map(Duration::from_secs);
        let bus = Bus::redis("redis://127.0.0.1:1")
            .connect_timeout(connect)
            .response_timeout(response)
            .backoff(backoff, backoff)
            .connect_lazy()
            .unwrap();
        let outbox = bus.shared().outbox().clone();
        assert_eq!(outbox.deadline(), None);
        let before = Instant::now();
        drop(bus);
        let limit = outbox.deadline().unwrap() - before;
        assert!(limit >= connect + response + backoff, "{limit:?}");
    }
}
