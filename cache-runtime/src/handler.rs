//! User handlers: each runs apart, behind its own bounded queue, and cannot delay anybody else.

use std::future::{Future, poll_fn};
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime;
use tokio::task::AbortHandle;
use tracing::warn;

use crate::channel::{Channel, Outlet};
use crate::event::InvalidationEvent;
use crate::queue::Item;
use crate::tasks::Running;

/// What waits for a handler.
pub(crate) enum Delivery<E> {
    /// An event, and the length of its payload.
    Event(E, usize),
    /// Everything may be stale.
    Stale,
}

impl<E> Delivery<E> {
    pub(crate) fn into_event(self) -> E
    where
        E: InvalidationEvent,
    {
        match self {
            Self::Event(event, _) => event,
            Self::Stale => E::all(),
        }
    }
}

impl<E> Item for Delivery<E> {
    fn weight(&self) -> usize {
        match self {
            Self::Event(_, payload) => size_of::<Self>() + payload,
            Self::Stale => size_of::<Self>(),
        }
    }

    fn collapse(queue: &mut Vec<Self>) -> Vec<Self> {
        std::mem::replace(queue, vec![Self::Stale])
    }

    fn is_covered_by(&self, last: &Self) -> bool {
        matches!((self, last), (Self::Stale, Self::Stale))
    }
}

/// What a handler runs with.
#[doc(hidden)]
#[expect(
    missing_debug_implementations,
    reason = "only generated code could see it"
)]
pub struct Seat<E> {
    pub(crate) channel: Arc<Channel<E>>,
    pub(crate) outlet: Arc<Outlet<E>>,
    pub(crate) runtime: runtime::Handle,
    pub(crate) _running: Running,
}

/// What a handler may return: nothing, or a future of nothing.
///
/// `Mode` only tells the two apart; it is always inferred.
#[diagnostic::on_unimplemented(
    message = "a handler must return `()` or a future of `()`, not `{Self}`",
    note = "handle errors inside the handler: nobody can be told of them outside"
)]
pub trait HandlerOutput<Mode>: sealed::Sealed<Mode> + Sized {
    /// Starts the handler.
    #[doc(hidden)]
    fn start<E, H>(handler: H, seat: Seat<E>) -> Option<AbortHandle>
    where
        E: InvalidationEvent,
        H: FnMut(E) -> Self + Send + 'static;
}

/// The handler returns when it is done, and may block until then.
#[derive(Debug)]
pub enum Blocking {}

/// The handler returns a future.
#[derive(Debug)]
pub enum Async {}

mod sealed {
    pub trait Sealed<Mode> {}
    impl Sealed<super::Blocking> for () {}
    impl<F: Future<Output = ()> + Send + 'static> Sealed<super::Async> for F {}
}

impl HandlerOutput<Blocking> for () {
    /// On a thread of its own: a handler that blocks would hold up the runtime's.
    fn start<E, H>(handler: H, seat: Seat<E>) -> Option<AbortHandle>
    where
        E: InvalidationEvent,
        H: FnMut(E) + Send + 'static,
    {
        let name = format!("cache:{}", seat.channel.channel_name());
        // Moved to the thread if there is one, and back if there is none.
        let work = Arc::new(std::sync::Mutex::new(Some((handler, seat))));
        let claim = Arc::clone(&work);
        let spawned = thread::Builder::new().name(name).spawn(move || {
            let work = claim.lock().ok().and_then(|mut work| work.take());
            if let Some((handler, seat)) = work {
                let _context = seat.runtime.clone().enter();
                block_on(drive_sync(handler, seat));
            }
        });
        let error = spawned.err()?;
        let (handler, seat) = work.lock().ok()?.take()?;
        warn!(channel = %seat.channel.channel_name(), %error, "no thread for a handler; it runs on the runtime's");
        let runtime = seat.runtime.clone();
        Some(runtime.spawn(drive_sync(handler, seat)).abort_handle())
    }
}

impl<F: Future<Output = ()> + Send + 'static> HandlerOutput<Async> for F {
    fn start<E, H>(handler: H, seat: Seat<E>) -> Option<AbortHandle>
    where
        E: InvalidationEvent,
        H: FnMut(E) -> Self + Send + 'static,
    {
        let runtime = seat.runtime.clone();
        Some(runtime.spawn(drive_async(handler, seat)).abort_handle())
    }
}

async fn drive_sync<E, H>(mut handler: H, seat: Seat<E>)
where
    E: InvalidationEvent,
    H: FnMut(E) + Send,
{
    let mut makeup = Makeup::default();
    let mut batch = Vec::new();
    while seat.outlet.queue.take(&mut batch).await {
        for delivery in batch.drain(..) {
            let mut next = Some(makeup.choose(delivery));
            while let Some(event) = next {
                let clean = catch_unwind(AssertUnwindSafe(|| handler(event))).is_ok();
                next = makeup.record(clean, &seat.channel);
            }
            if seat.outlet.queue.is_closed() {
                break;
            }
        }
    }
}

async fn drive_async<E, H, F>(mut handler: H, seat: Seat<E>)
where
    E: InvalidationEvent,
    H: FnMut(E) -> F + Send,
    F: Future<Output = ()> + Send,
{
    let mut makeup = Makeup::default();
    let mut batch = Vec::new();
    while seat.outlet.queue.take(&mut batch).await {
        for delivery in batch.drain(..) {
            let mut next = Some(makeup.choose(delivery));
            while let Some(event) = next {
                let clean = match catch_unwind(AssertUnwindSafe(|| handler(event))) {
                    Ok(future) => caught(future).await,
                    Err(_) => false,
                };
                next = makeup.record(clean, &seat.channel);
            }
        }
    }
}

/// Makes up for a panic: an `All` at once, or in place of the next event if that panics as well.
#[derive(Debug, Default)]
struct Makeup {
    owed: bool,
}

impl Makeup {
    fn choose<E: InvalidationEvent>(&self, delivery: Delivery<E>) -> E {
        if self.owed {
            E::all()
        } else {
            delivery.into_event()
        }
    }

    /// Takes note of how the handler ended; what it has to be called with at once.
    fn record<E: InvalidationEvent>(&mut self, clean: bool, channel: &Channel<E>) -> Option<E> {
        let first = !clean && !self.owed;
        self.owed = !clean;
        if !clean {
            channel.panicked("handler");
        }
        first.then(E::all)
    }
}

/// Whether the future ended without a panic.
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
    // Dropping what it holds may panic as well.
    let dropped = catch_unwind(AssertUnwindSafe(|| future.set(None))).is_ok();
    clean && dropped
}

/// Waits on a plain thread. Only for futures that need no runtime to make progress.
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
