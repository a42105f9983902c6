//! User handlers. Each has its own bounded queue and its own task or thread, so none delays
//! another.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime;
use tokio::task::AbortHandle;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::warn;

use super::outlet::{Delivery, Outlet};
use super::stats::Counters;
use crate::event::InvalidationEvent;
use crate::io_thread;
use crate::sync::Mutex;

/// What a handler runs with.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "users never see one")]
pub struct HandlerContext<E> {
    /// The channel, with its namespace.
    pub(crate) channel: Arc<str>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) outlet: Arc<Outlet<E>>,
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
    let mut debt = Debt::default();
    let mut batch = Vec::new();
    while context.outlet.queue.take(&mut batch).await {
        for delivery in batch.drain(..) {
            let mut next = Some(debt.choose(delivery));
            while let Some(event) = next {
                let clean = catch_unwind(AssertUnwindSafe(|| handler(event))).is_ok();
                next = debt.record(clean, &context);
            }
            if context.outlet.queue.is_closed() {
                break;
            }
        }
    }
}

async fn drive_async<E, H, F>(mut handler: H, context: HandlerContext<E>)
where
    E: InvalidationEvent,
    H: FnMut(E) -> F + Send,
    F: Future<Output = ()> + Send,
{
    let mut debt = Debt::default();
    let mut batch = Vec::new();
    while context.outlet.queue.take(&mut batch).await {
        for delivery in batch.drain(..) {
            let mut next = Some(debt.choose(delivery));
            while let Some(event) = next {
                let clean = match catch_unwind(AssertUnwindSafe(|| handler(event))) {
                    Ok(future) => caught(future).await,
                    Err(_) => false,
                };
                next = debt.record(clean, &context);
            }
        }
    }
}

/// The `All` that a handler is owed after a panic.
///
/// The handler is called with it at once. If that call panics too, the handler receives `All`
/// instead of its next event.
#[derive(Debug, Default)]
struct Debt {
    owed: bool,
}

impl Debt {
    fn choose<E: InvalidationEvent>(&self, delivery: Delivery<E>) -> E {
        if self.owed {
            E::all()
        } else {
            delivery.into_event()
        }
    }

    /// Records whether a call ended without a panic. Returns the event to call the handler with at
    /// once.
    fn record<E: InvalidationEvent>(
        &mut self,
        clean: bool,
        context: &HandlerContext<E>,
    ) -> Option<E> {
        let first = !clean && !self.owed;
        self.owed = !clean;
        if !clean {
            context.counters.panicked(&context.channel, "handler");
        }
        first.then(E::all)
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
