//! A bounded queue with one reader. When it is full, what is queued collapses into a flush.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use crate::sync::Mutex;

/// What a queue carries.
pub(crate) trait Item: Sized {
    /// About how many bytes the item keeps in memory.
    fn weight(&self) -> usize;

    /// Whether the item counts against the bounds, so that it can make the queue collapse.
    fn counts(&self) -> bool {
        true
    }

    /// Replaces queued items by a flush that covers them, and returns the items that it replaced.
    fn collapse(queued: &mut Vec<Self>) -> Vec<Self>;

    /// Whether `last`, the last item in the queue, makes this item redundant.
    fn is_covered_by(&self, _last: &Self) -> bool {
        false
    }
}

/// How much a queue holds before it collapses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

/// A queue whose writers never wait. The reader takes everything at once, so that a burst costs one
/// wake-up and one lock.
pub(crate) struct Queue<T> {
    bounds: Bounds,
    state: Mutex<State<T>>,
}

struct State<T> {
    queued: Vec<T>,
    /// How many queued items count against the bounds, and how many bytes they keep.
    items: usize,
    bytes: usize,
    closed: bool,
    reader: Option<Waker>,
}

impl<T> State<T> {
    /// Wakes the reader when something changes.
    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            reader @ None => *reader = Some(cx.waker().clone()),
        }
    }
}

impl<T: Item> Queue<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::new(State {
                queued: Vec::new(),
                items: 0,
                bytes: 0,
                closed: false,
                reader: None,
            }),
        }
    }

    /// Queues an item. Returns whether the queue was full and has collapsed.
    pub(crate) fn push(&self, item: T) -> bool {
        let mut state = self.state.lock();
        let covered = state
            .queued
            .last()
            .is_some_and(|last| item.is_covered_by(last));
        if state.closed || covered {
            return false;
        }
        let weight = if item.counts() { item.weight() } else { 0 };
        let full = item.counts()
            && state.items > 0
            && (state.items >= self.bounds.items
                || state.bytes.saturating_add(weight) > self.bounds.bytes);
        let discarded = if full {
            let discarded = T::collapse(&mut state.queued);
            let counting = state.queued.iter().filter(|item| item.counts());
            (state.items, state.bytes) = counting.fold((0, 0), |(items, bytes), item| {
                (items + 1, bytes + item.weight())
            });
            discarded
        } else {
            Vec::new()
        };
        // Queued behind the flush, so the bounds are exceeded by at most one item.
        state.items += usize::from(item.counts());
        state.bytes += weight;
        state.queued.push(item);
        let reader = state.reader.take();
        drop(state);
        // Dropped without the lock, because dropping an item may run user code.
        drop(discarded);
        if let Some(reader) = reader {
            reader.wake();
        }
        full
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Discards what is queued, refuses what comes later, and wakes the reader.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        (state.items, state.bytes) = (0, 0);
        let queued = std::mem::take(&mut state.queued);
        let reader = state.reader.take();
        drop(state);
        drop(queued);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Discards what is queued.
    pub(crate) fn discard(&self) {
        let mut state = self.state.lock();
        (state.items, state.bytes) = (0, 0);
        let queued = std::mem::take(&mut state.queued);
        drop(state);
        drop(queued);
    }

    /// Waits until the queue is closed.
    pub(crate) async fn closed(&self) {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if state.closed {
                return Poll::Ready(());
            }
            state.wait(cx);
            Poll::Pending
        })
        .await;
    }

    /// Moves all queued items to `batch`, which must be empty; `false` once the queue is closed.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, batch: &mut Vec<T>) -> Poll<bool> {
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(false);
        }
        if state.queued.is_empty() {
            state.wait(cx);
            return Poll::Pending;
        }
        (state.items, state.bytes) = (0, 0);
        std::mem::swap(&mut state.queued, batch);
        Poll::Ready(true)
    }

    /// As [`poll_take`](Self::poll_take). Cancel safe: items are taken only when this returns.
    pub(crate) async fn take(&self, batch: &mut Vec<T>) -> bool {
        poll_fn(|cx| self.poll_take(cx, batch)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Note {
        Number(u32),
        All,
    }

    impl Item for Note {
        fn weight(&self) -> usize {
            10
        }

        fn collapse(queued: &mut Vec<Self>) -> Vec<Self> {
            std::mem::replace(queued, vec![Self::All])
        }

        fn is_covered_by(&self, last: &Self) -> bool {
            *self == Self::All && *last == Self::All
        }
    }

    fn drain(queue: &Queue<Note>) -> Option<Vec<Note>> {
        let mut batch = Vec::new();
        match queue.poll_take(&mut Context::from_waker(Waker::noop()), &mut batch) {
            Poll::Ready(true) => Some(batch),
            Poll::Ready(false) => None,
            Poll::Pending => Some(Vec::new()),
        }
    }

    #[test]
    fn keeps_order() {
        let queue = Queue::new(Bounds {
            items: 8,
            bytes: 1000,
        });
        for n in 0..3 {
            assert!(!queue.push(Note::Number(n)));
        }
        assert_eq!(
            drain(&queue).unwrap(),
            [Note::Number(0), Note::Number(1), Note::Number(2)]
        );
        assert_eq!(drain(&queue).unwrap(), []);
    }

    #[test]
    fn too_many_items_collapse_to_one_marker_and_the_rest_follows() {
        let queue = Queue::new(Bounds {
            items: 4,
            bytes: 1000,
        });
        let collapsed = (0..6).filter(|&n| queue.push(Note::Number(n))).count();
        assert_eq!(collapsed, 1);
        assert_eq!(
            drain(&queue).unwrap(),
            [Note::All, Note::Number(4), Note::Number(5)]
        );
    }

    #[test]
    fn too_many_bytes_collapse() {
        let queue = Queue::new(Bounds {
            items: 100,
            bytes: 25,
        });
        queue.push(Note::Number(0));
        queue.push(Note::Number(1));
        assert!(queue.push(Note::Number(2)));
        assert_eq!(drain(&queue).unwrap(), [Note::All, Note::Number(2)]);
    }

    #[test]
    fn one_item_beyond_the_bytes_passes_alone() {
        let queue = Queue::new(Bounds {
            items: 100,
            bytes: 5,
        });
        assert!(!queue.push(Note::Number(0)));
        assert_eq!(drain(&queue).unwrap(), [Note::Number(0)]);
    }

    #[test]
    fn a_stuck_reader_finds_one_marker_however_long_it_was_stuck() {
        let queue = Queue::new(Bounds {
            items: 4,
            bytes: 1000,
        });
        for n in 0..1000 {
            queue.push(Note::Number(n));
        }
        let batch = drain(&queue).unwrap();
        assert_eq!(batch.iter().filter(|n| **n == Note::All).count(), 1);
        assert!(batch.len() <= 5);
        assert_eq!(batch.last(), Some(&Note::Number(999)));
    }

    #[test]
    fn a_marker_behind_a_marker_is_not_queued() {
        let queue = Queue::new(Bounds {
            items: 4,
            bytes: 1000,
        });
        queue.push(Note::Number(0));
        queue.push(Note::All);
        queue.push(Note::All);
        assert_eq!(drain(&queue).unwrap(), [Note::Number(0), Note::All]);
    }

    #[test]
    fn closing_discards_and_refuses() {
        let queue = Queue::new(Bounds {
            items: 4,
            bytes: 1000,
        });
        queue.push(Note::Number(0));
        queue.close();
        assert!(!queue.push(Note::Number(1)));
        assert_eq!(drain(&queue), None);
    }
}
