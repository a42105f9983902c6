//! The time limit of every request on a connection for commands, with one timer for all of them.
//! With a timer for each request, or with one lock for all of them, 64 tasks made about a tenth fewer
//! requests (`--bench requests`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::future::poll_fn;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::sync::Mutex;

/// How many times the timer looks at the requests within their limit.
const LOOKS: u32 = 16;
/// The shortest and the longest time between two looks.
const PERIOD: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(25));

/// The most unused places that a shard keeps while it has no requests.
const MOST_UNUSED: usize = 256;
/// The number of locks. A thread's number chooses its lock.
const SHARDS: usize = 8;

/// The requests in progress, and the limit that all of them have.
pub(super) struct Limits {
    limit: Duration,
    shards: [Shard; SHARDS],
    has_timer: AtomicBool,
    /// Refuses requests before they are sent.
    is_closed: AtomicBool,
    /// Wakes the timer.
    news: Notify,
}

/// Requests of some threads, on a cache line of their own.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<Places>);

#[derive(Default)]
struct Places {
    /// The requests in progress, and unused places between them.
    waits: Vec<Wait>,
    /// The unused places.
    unused: Vec<usize>,
    /// Whether the timer has nothing to look at, and has to be woken.
    is_idle: bool,
    is_closed: bool,
}

/// A request in progress, or an unused place for one.
#[derive(Default)]
enum Wait {
    #[default]
    Unused,
    InProgress {
        /// When its limit is over. The timer sets it when it sees the request first. It stays unset
        /// if the system cannot tell a time as late.
        due: Option<Instant>,
        waker: Waker,
    },
    Ended(Ended),
}

/// Why a request was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    TimedOut,
    Closed,
}

/// The place of a request, which is given back when this is dropped.
struct Place<'a> {
    places: &'a Mutex<Places>,
    index: usize,
}

impl Limits {
    pub(super) fn new(limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            limit,
            shards: Default::default(),
            has_timer: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            news: Notify::new(),
        })
    }

    /// Waits for a request. It is given up at most two looks of the timer after its limit.
    pub(super) async fn wait<T>(&self, request: impl Future<Output = T>) -> Result<T, Ended> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(Ended::Closed);
        }
        let (mut request, mut place) = (pin!(request), None);
        poll_fn(|context| {
            if let Poll::Ready(done) = request.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            match &place {
                None => match self.start(context.waker()) {
                    Ok(started) => place = Some(started),
                    Err(ended) => return Poll::Ready(Err(ended)),
                },
                Some(place) => {
                    if let Some(ended) = place.ended(context.waker()) {
                        return Poll::Ready(Err(ended));
                    }
                }
            }
            Poll::Pending
        })
        .await
    }

    fn start(&self, waker: &Waker) -> Result<Place<'_>, Ended> {
        let wait = Wait::InProgress {
            due: None,
            waker: waker.clone(),
        };
        let places = &self.shards[thread_number() % SHARDS].0;
        let added = places.lock().add(wait);
        // A waker is the program's. It is dropped after the lock.
        let (index, was_idle) = added.map_err(|_wait| Ended::Closed)?;
        if was_idle {
            self.news.notify_one();
        }
        Ok(Place { places, index })
    }

    /// Gives up all requests, and ends the timer.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        for Shard(places) in &self.shards {
            places.lock().is_closed = true;
        }
        self.news.notify_one();
    }

    /// Starts the timer, if none was started yet.
    pub(super) fn start_timer(self: &Arc<Self>, runtime: &Handle) {
        if !self.has_timer.swap(true, Ordering::Relaxed) {
            runtime.spawn(Arc::clone(self).run());
        }
    }

    /// The timer. Ends when this is closed.
    async fn run(self: Arc<Self>) {
        let period = (self.limit / LOOKS).clamp(PERIOD.0, PERIOD.1);
        // The tasks to wake, kept because the memory is used again.
        let mut late = Vec::new();
        loop {
            let (mut is_empty, mut is_closed) = (true, true);
            for Shard(places) in &self.shards {
                let mut places = places.lock();
                is_empty &= places.look(Instant::now(), self.limit, &mut late);
                is_closed &= places.is_closed;
            }
            for waker in late.drain(..) {
                // It is the program's. If it panics, the other requests still have their limit.
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
            if is_closed {
                return;
            }
            let news = self.news.notified();
            // Only once all are empty, or requests of several threads would wake the timer each time
            // that it finds no request of one of them.
            if is_empty && self.shards.iter().all(|Shard(places)| places.lock().rest()) {
                news.await;
            } else {
                let _ = tokio::time::timeout(period, news).await;
            }
        }
    }
}

impl Places {
    /// Adds a request; returns its place, and whether the timer has to be woken. Returns the request
    /// if this is closed.
    fn add(&mut self, wait: Wait) -> Result<(usize, bool), Wait> {
        if self.is_closed {
            return Err(wait);
        }
        let index = self.unused.pop().unwrap_or(self.waits.len());
        match self.waits.get_mut(index) {
            Some(unused) => *unused = wait,
            None => self.waits.push(wait),
        }
        Ok((index, std::mem::take(&mut self.is_idle)))
    }

    /// Ends the requests whose limit is over, or all if this is closed; returns whether there are none.
    fn look(&mut self, now: Instant, limit: Duration, late: &mut Vec<Waker>) -> bool {
        for place in &mut self.waits {
            let Wait::InProgress { due, .. } = place else {
                continue;
            };
            let ended = if self.is_closed {
                Ended::Closed
            } else if due.is_some_and(|due| due <= now) {
                Ended::TimedOut
            } else {
                *due = due.or_else(|| now.checked_add(limit));
                continue;
            };
            if let Wait::InProgress { waker, .. } = std::mem::replace(place, Wait::Ended(ended)) {
                late.push(waker);
            }
        }
        self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.unused.len() == self.waits.len()
    }

    /// Lets the next request wake the timer; `false` if there is a request already.
    fn rest(&mut self) -> bool {
        self.is_idle = self.is_empty();
        if self.is_idle && self.waits.len() > MOST_UNUSED {
            (self.waits, self.unused) = Default::default();
        }
        self.is_idle
    }
}

impl Place<'_> {
    /// Why the request was given up, if it was. If not, this waker is to be woken then.
    fn ended(&self, waker: &Waker) -> Option<Ended> {
        match &self.places.lock().waits[self.index] {
            Wait::Ended(ended) => return Some(*ended),
            Wait::InProgress { waker: known, .. } if !known.will_wake(waker) => {}
            _ => return None,
        }
        // A waker is the program's. It is cloned and dropped without the lock.
        let mut new = waker.clone();
        match &mut self.places.lock().waits[self.index] {
            Wait::Ended(ended) => return Some(*ended),
            Wait::InProgress { waker, .. } => std::mem::swap(waker, &mut new),
            Wait::Unused => {}
        }
        None
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.places.lock();
        let wait = std::mem::take(&mut places.waits[self.index]);
        places.unused.push(self.index);
        drop(places);
        drop(wait);
    }
}

/// A number of this thread, from 0 on.
fn thread_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::Context;

    use super::*;

    #[tokio::test]
    async fn a_request_without_an_answer_is_given_up() {
        let limits = Limits::new(Duration::from_millis(1));
        limits.start_timer(&Handle::current());
        assert_eq!(limits.wait(pending::<()>()).await, Err(Ended::TimedOut));
        assert_eq!(limits.wait(async { 7 }).await, Ok(7));
    }

    /// A future may be polled by one task and then by another.
    #[tokio::test]
    async fn the_latest_task_is_woken() {
        let limits = Limits::new(Duration::from_millis(1));
        let mut waiting = pin!(limits.wait(pending::<()>()));
        let mut nobody = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut nobody).is_pending());
        // The timer runs only once this task waits.
        limits.start_timer(&Handle::current());
        assert_eq!(waiting.await, Err(Ended::TimedOut));
    }

    #[tokio::test]
    async fn closing_ends_every_request() {
        for limit in [Duration::from_secs(3600), Duration::MAX] {
            let limits = Limits::new(limit);
            limits.start_timer(&Handle::current());
            let waiting = {
                let limits = Arc::clone(&limits);
                tokio::spawn(async move { limits.wait(pending::<()>()).await })
            };
            tokio::task::yield_now().await;
            limits.close();
            assert_eq!(waiting.await.unwrap(), Err(Ended::Closed));
            assert_eq!(limits.wait(pending::<()>()).await, Err(Ended::Closed));
            while Arc::strong_count(&limits) > 1 {
                tokio::task::yield_now().await;
            }
        }
    }
}
