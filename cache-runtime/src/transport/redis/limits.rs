//! The time limit of every request on a connection for commands, with one timer for all of them.
//! With a timer for each, 64 tasks made about a tenth fewer requests (`--bench requests`).

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::sync::Mutex;

/// How many times the timer looks at the requests within their limit.
const LOOKS: u32 = 16;
/// The shortest and the longest time between two looks.
const PERIOD: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(25));

/// The requests in progress, and the limit that all of them have.
pub(super) struct Limits {
    limit: Duration,
    state: Mutex<State>,
    /// Wakes the timer.
    news: Notify,
}

#[derive(Default)]
struct State {
    /// The requests that the timer has not seen yet.
    started: Vec<Arc<Wait>>,
    /// Whether the timer has nothing to look at, and has to be woken.
    is_idle: bool,
    is_closed: bool,
}

/// A request in progress, as the timer sees it.
#[derive(Default)]
struct Wait {
    waker: AtomicWaker,
    ended: OnceLock<Ended>,
}

/// Why a request was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    TimedOut,
    Closed,
}

impl Limits {
    pub(super) fn new(limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::default(),
            news: Notify::new(),
        })
    }

    /// Waits for a request. It is given up at most two looks of the timer after its limit.
    pub(super) async fn wait<T>(&self, request: impl Future<Output = T>) -> Result<T, Ended> {
        let wait = Arc::<Wait>::default();
        self.start(&wait)?;
        let mut request = pin!(request);
        poll_fn(|context| {
            if let Poll::Ready(done) = request.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            wait.waker.register(context.waker());
            match wait.ended.get() {
                Some(ended) => Poll::Ready(Err(*ended)),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn start(&self, wait: &Arc<Wait>) -> Result<(), Ended> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Ended::Closed);
        }
        state.started.push(Arc::clone(wait));
        let was_idle = std::mem::take(&mut state.is_idle);
        drop(state);
        if was_idle {
            self.news.notify_one();
        }
        Ok(())
    }

    /// Gives up all requests, and ends the timer.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.news.notify_one();
    }

    /// The timer. Ends when this is closed.
    pub(super) async fn run(self: Arc<Self>) {
        let period = (self.limit / LOOKS).clamp(PERIOD.0, PERIOD.1);
        // Each with the time at which its limit is over, if the system can tell one as late.
        let mut waits: Vec<(Option<Instant>, Arc<Wait>)> = Vec::new();
        loop {
            let due = Instant::now().checked_add(self.limit);
            let is_closed = {
                let mut state = self.state.lock();
                waits.extend(state.started.drain(..).map(|wait| (due, wait)));
                state.is_idle = waits.is_empty();
                state.is_closed
            };
            if is_closed {
                return waits.iter().for_each(|(_, wait)| wait.end(Ended::Closed));
            }
            if waits.is_empty() {
                self.news.notified().await;
                continue;
            }
            let _ = tokio::time::timeout(period, self.news.notified()).await;
            let now = Instant::now();
            waits.retain(|(due, wait)| {
                // Nobody else holds it: the request has ended.
                if Arc::strong_count(wait) == 1 {
                    return false;
                }
                let is_due = due.is_some_and(|due| due <= now);
                if is_due {
                    wait.end(Ended::TimedOut);
                }
                !is_due
            });
        }
    }
}

impl Wait {
    fn end(&self, ended: Ended) {
        // It ends once.
        let _ = self.ended.set(ended);
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_request_without_an_answer_is_given_up() {
        let limits = Limits::new(Duration::from_millis(1));
        tokio::spawn(Arc::clone(&limits).run());
        assert_eq!(limits.wait(pending::<()>()).await, Err(Ended::TimedOut));
        assert_eq!(limits.wait(async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn closing_ends_every_request() {
        for limit in [Duration::from_secs(3600), Duration::MAX] {
            let limits = Limits::new(limit);
            let timer = tokio::spawn(Arc::clone(&limits).run());
            let waiting = {
                let limits = Arc::clone(&limits);
                tokio::spawn(async move { limits.wait(pending::<()>()).await })
            };
            tokio::task::yield_now().await;
            limits.close();
            assert_eq!(waiting.await.unwrap(), Err(Ended::Closed));
            timer.await.unwrap();
            assert_eq!(limits.wait(pending::<()>()).await, Err(Ended::Closed));
        }
    }
}
