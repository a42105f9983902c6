//! The queue of a handler or a stream.

use std::mem::size_of;
use std::sync::OnceLock;

#[cfg(feature = "testing")]
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::event::InvalidationEvent;
use crate::queue::{Bounds, Item, Queue};
use crate::remedy::Remedy;

/// The queue of one handler or stream.
pub(crate) struct Outlet<E> {
    pub(crate) queue: Queue<Delivery<E>>,
    /// The task of the handler; unset for a stream, and for a handler on a thread.
    pub(crate) task: OnceLock<AbortHandle>,
    /// Whether it is that of a handler.
    #[cfg(feature = "testing")]
    has_handler: OnceLock<()>,
}

impl<E> Outlet<E> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            queue: Queue::new(bounds),
            task: OnceLock::new(),
            #[cfg(feature = "testing")]
            has_handler: OnceLock::new(),
        }
    }

    /// The queue is that of a handler.
    #[cfg(feature = "testing")]
    pub(crate) fn set_handler(&self) {
        let _ = self.has_handler.set(());
    }

    /// Closes the queue, and cancels an async handler at its next await.
    pub(crate) fn close(&self) {
        self.queue.close();
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// One item of the queue.
pub(crate) enum Delivery<E> {
    /// An event, and the length of its payload.
    Event(E, usize),
    /// The event's `All`: events may have been lost.
    Flush,
    /// A test asks the handler to tell when it comes here: all that was queued before is handled. If it is
    /// dropped, it is unknown.
    #[cfg(feature = "testing")]
    Handled(oneshot::Sender<()>),
}

#[cfg(feature = "testing")]
impl<E: InvalidationEvent> Outlet<E> {
    /// Asks a handler to tell when all that is queued now is handled. `None` for a stream.
    pub(super) fn ask_handler(&self) -> Option<oneshot::Receiver<()>> {
        self.has_handler.get()?;
        if self.queue.is_closed() {
            return None;
        }
        let (handled, receiver) = oneshot::channel();
        self.queue.push(Delivery::Handled(handled));
        Some(receiver)
    }
}

#[cfg(feature = "testing")]
impl<E> Delivery<E> {
    /// The event or flush for the handler. What a test asks is answered.
    pub(super) fn or_answered(self) -> Option<Self> {
        match self {
            Self::Handled(handled) => {
                // The test may have given up waiting.
                let _ = handled.send(());
                None
            }
            other => Some(other),
        }
    }
}

impl<E: InvalidationEvent> Delivery<E> {
    pub(crate) fn into_event(self) -> E {
        match self {
            Self::Event(event, _) => event,
            Self::Flush => E::all(),
            #[cfg(feature = "testing")]
            Self::Handled(_) => unreachable!("only handlers are asked, and they answer"),
        }
    }
}

impl<E> Item for Delivery<E> {
    fn weight(&self) -> usize {
        match self {
            Self::Event(_, payload) => size_of::<Self>() + payload,
            Self::Flush => size_of::<Self>(),
            #[cfg(feature = "testing")]
            Self::Handled(_) => 0,
        }
    }

    #[cfg(feature = "testing")]
    fn counts(&self) -> bool {
        !matches!(self, Self::Handled(_))
    }

    fn collapse(queued: &mut Vec<Self>) -> Vec<Self> {
        let instead = Remedy::HandlerOverflow.applies().then_some(Self::Flush);
        std::mem::replace(queued, instead.into_iter().collect())
    }

    fn is_covered_by(&self, last: &Self) -> bool {
        matches!((self, last), (Self::Flush, Self::Flush))
    }
}
