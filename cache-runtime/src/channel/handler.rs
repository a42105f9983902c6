//! User handlers. Each has its own bounded queue and its own task or thread, so none delays
//! another.

use std::future::{Future, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::runtime;
use tokio::task::AbortHandle;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::warn;

use super::outlet::{Delivery, Outlet};
use super::stats::Counters;
use crate::clock::Instant;
use crate::event::InvalidationEvent;
use crate::io_thread;
use crate::log_throttle::LogThrottle;
use crate::sync::Mutex;

/// Least time between two calls with `All` because of panics, whatever the bus is set to.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// What a handler runs with.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "users never see one")]
pub struct HandlerContext<E> {
    /// The channel, with its namespace.
    pub(crate) channel: Arc<str>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) outlet: Arc<Outlet<E>>,
    /// Least time between two calls with `All` because of panics.
    pub(crate) interval: Duration,
    pub(crate) panics: LogThrottle,
    /// The runtime that the handler was subscribed in, if any.
    pub(crate) runtime: Option<runtime::Handle>,
    /// Dropped when the handler has ended, which closing the bus waits for.
    pub(crate) _running: TaskTrackerToken,
}

/// What a handler may return: nothing, or a future of nothing.
///
/// `Mode` is always inferred: `Blocking` or `Async`.
#[diagnostic::on_unimplemented(
    message = "a handler must return `()` or a future of `()`, not `{Self}`",
    note = "handle errors inside the handler: nobody outside receives them"
)]
pub trait HandlerOutput<Mode>: sealed::Sealed<Mode> + Sized {
    /// Starts the handler.
    #[doc(hidden)]
    #[track_caller]
    fn start<E, H>(handler: H, context: HandlerContext<E>) -> Option<AbortHandle>
    where
        E: InvalidationEvent,
        H: FnMut(E) -> Self + Send + 'static;
}

/// The mode of a handler that returns nothing, and may block.
#[derive(Debug)]
pub enum Blocking {}

/// The mode of a handler that returns a future.
#[derive(Debug)]
pub enum Async {}

mod sealed {
    pub trait Sealed<Mode> {}
    impl Sealed<super::Blocking> for () {}
    impl<F: Future<Output = ()> + Send + 'static> Sealed<super::Async> for F {}
}

impl HandlerOutput<Blocking> for () {
    /// On a thread of its own, because a handler that blocks would hold up a worker of the runtime.
    fn start<E, H>(handler: H, context: HandlerContext<E>) -> Option<AbortHandle>
    where
        E: InvalidationEvent,
        H: FnMut(E) + Send + 'static,
    {
        let name = format!("cache:{}", context.channel);
        // Shared, so that it is not lost if the thread cannot be started.
        let work = Arc::new(Mutex::new(Some((handler, context))));
        let claim = Arc::clone(&work);
        let spawned = thread::Builder::new().name(name).spawn(move || {
            let work = claim.lock().take();
            if let Some((handler, context)) = work {
                let runtime = context.runtime.clone();
                let _entered = runtime.as_ref().map(runtime::Handle::enter);
                block_on(drive_sync(handler, context));
            }
        });
        let error = spawned.err()?;
        let (handler, context) = work.lock().take()?;
        warn!(channel = %context.channel, %error, "no thread could be started for a handler; it runs as a task");
        let runtime = context.runtime.clone();
        let task = drive_sync(handler, context);
        match runtime {
            Some(runtime) => Some(runtime.spawn(task).abort_handle()),
            None => Some(io_thread::spawn(task)?.abort_handle()),
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> HandlerOutput<Async> for F {
    fn start<E, H>(handler: H, context: HandlerContext<E>) -> Option<AbortHandle>
    where
        E: InvalidationEvent,
        H: FnMut(E) -> Self + Send + 'static,
    {
        let Some(runtime) = context.runtime.clone() else {
            panic!(
                "an async handler was subscribed to `{}` outside of a Tokio runtime: subscribe within \
                 one, or use a handler that returns nothing",
                context.channel
            );
        };
        Some(runtime.spawn(drive_async(handler, context)).abort_handle())
    }
}

async fn drive_sync<E, H>(mut handler: H, context: HandlerContext<E>)
where
    E: InvalidationEvent,
    H: FnMut(E) + Send,
{
    let call = |event| ready(catch_unwind(AssertUnwindSafe(|| handler(event))).is_ok());
    Driven::new(call, context).run().await;
}

async fn drive_async<E, H, F>(mut handler: H, context: HandlerContext<E>)
where
    E: InvalidationEvent,
    H: FnMut(E) -> F + Send,
    F: Future<Output = ()> + Send,
{
    let call = |event| {
        let started = catch_unwind(AssertUnwindSafe(|| handler(event)));
        async {
            match started {
                Ok(future) => caught(future).await,
                Err(_) => false,
            }
        }
    };
    Driven::new(call, context).run().await;
}

/// A handler that receives the events of its queue.
///
/// After a panic it is called with `All` at once. After more panics within one interval, it is
/// called with `All` when the interval ends, until that does not panic. So a handler that panics at
/// every event costs two panics an interval, and not a flood of them in the log.
struct Driven<E, C> {
    /// Calls the handler; whether it ended without a panic.
    call: C,
    context: HandlerContext<E>,
    /// When the handler was last called with `All` because of a panic.
    recovered: Option<Instant>,
}

impl<E, C, F> Driven<E, C>
where
    E: InvalidationEvent,
    C: FnMut(E) -> F,
    F: Future<Output = bool>,
{
    fn new(call: C, context: HandlerContext<E>) -> Self {
        Self {
            call,
            context,
            recovered: None,
        }
    }

    async fn run(mut self) {
        let mut batch: Vec<Delivery<E>> = Vec::new();
        while self.context.outlet.queue.take(&mut batch).await {
            let deliveries = batch.drain(..);
            #[cfg(feature = "testing")]
            let deliveries = deliveries.filter_map(Delivery::or_answered);
            for delivery in deliveries {
                // The `All` of a recovery that has waited covers the rest of the batch.
                let goes_on = self.called(delivery.into_event()).await || self.recover().await;
                if !goes_on || self.context.outlet.queue.is_closed() {
                    break;
                }
            }
        }
    }

    async fn called(&mut self, event: E) -> bool {
        let clean = (self.call)(event).await;
        if !clean {
            self.context.panicked();
        }
        clean
    }

    /// Calls the handler with `All` until that does not panic. Returns whether it did not have to
    /// wait, so that what was queued before still counts.
    async fn recover(&mut self) -> bool {
        let mut at_once = true;
        loop {
            let interval = self.context.interval.max(SHORTEST_INTERVAL);
            let since = self.recovered.map(|recovered| recovered.elapsed());
            if let Some(left) = since.and_then(|since| interval.checked_sub(since)) {
                at_once = false;
                let queue = &self.context.outlet.queue;
                if io_thread::timeout(left, queue.closed()).await.is_ok() {
                    return false;
                }
                queue.discard();
            }
            self.recovered = Some(Instant::now());
            if self.called(E::all()).await {
                return at_once;
            }
        }
    }
}

impl<E> HandlerContext<E> {
    fn panicked(&self) {
        self.counters
            .panicked(&self.channel, "handler", &self.panics);
    }
}

/// Whether the future ended without a panic. `catch_unwind` of `futures-util` would borrow the
/// handler for too long.
async fn caught(future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(Some(future));
    let clean = poll_fn(|cx| {
        let poll = || match future.as_mut().as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Ready(()),
        };
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => poll.map(|()| true),
            Err(_) => Poll::Ready(false),
        }
    })
    .await;
    // Dropping the future may panic as well.
    let dropped = catch_unwind(AssertUnwindSafe(|| future.set(None))).is_ok();
    clean && dropped
}

/// Blocks a plain thread on a future that needs no runtime. Inside the runtime's own `block_on`,
/// the handler could not call `block_on` itself.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
