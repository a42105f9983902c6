//! The queue of a handler or a stream.

use std::mem::size_of;
use std::sync::OnceLock;

use tokio::task::AbortHandle;

use crate::event::InvalidationEvent;
use crate::queue::{Bounds, Item, Queue};
use crate::remedy::Remedy;

/// The queue of one handler or stream.
pub(crate) struct Outlet<E> {
    pub(crate) queue: Queue<Delivery<E>>,
    /// The task of the handler; unset for a stream, and for a handler on a thread.
    pub(crate) task: OnceLock<AbortHandle>,
}

impl<E> Outlet<E> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            queue: Queue::new(bounds),
            task: OnceLock::new(),
        }
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
}

impl<E: InvalidationEvent> Delivery<E> {
    pub(crate) fn into_event(self) -> E {
        match self {
            Self::Event(event, _) => event,
            Self::Flush => E::all(),
        }
    }
}

impl<E> Item for Delivery<E> {
    fn weight(&self) -> usize {
        match self {
            Self::Event(_, payload) => size_of::<Self>() + payload,
            Self::Flush => size_of::<Self>(),
        }
    }

    fn collapse(queued: &mut Vec<Self>) -> Vec<Self> {
        let instead = Remedy::HandlerOverflow.applies().then_some(Self::Flush);
        std::mem::replace(queued, instead.into_iter().collect())
    }

    fn is_covered_by(&self, last: &Self) -> bool {
        matches!((self, last), (Self::Flush, Self::Flush))
    }
}
