//! A bounded queue with one reader, which turns into "everything may be stale" when it is full.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What a lane carries.
pub(crate) trait Item: Sized {
    /// Bytes that the item holds on to, about.
    fn weight(&self) -> usize;

    /// Whether the item counts against the bounds, and may be discarded when they are reached.
    fn counts(&self) -> bool {
        true
    }

    /// Replaces what is queued by something bounded that covers it, and returns what it replaced.
    fn collapse(queue: &mut Vec<Self>) -> Vec<Self>;

    /// Whether this item adds nothing to `last`, which is queued and not yet taken.
    fn adds_nothing_to(&self, _last: &Self) -> bool {
        false
    }
}

/// How much a lane holds before it collapses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

/// Writers push and never wait; the reader takes everything at once, so that a burst costs one
/// wake-up and one lock.
pub(crate) struct Lane<T> {
    bounds: Bounds,
    state: Mutex<State<T>>,
}

struct State<T> {
    queue: Vec<T>,
    /// Of the items that count.
    items: usize,
    bytes: usize,
    closed: bool,
    reader: Option<Waker>,
}

impl<T: Item> Lane<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::new(State {
                queue: Vec::new(),
                items: 0,
                bytes: 0,
                closed: false,
                reader: None,
            }),
        }
    }

    /// Queues an item. Returns whether the lane was full and has collapsed.
    pub(crate) fn push(&self, item: T) -> bool {
        let mut state = self.lock();
        let covered = state
            .queue
            .last()
            .is_some_and(|last| item.adds_nothing_to(last));
        if state.closed || covered {
            return false;
        }
        let weight = if item.counts() { item.weight() } else { 0 };
        let full = item.counts()
            && state.items > 0
            && (state.items >= self.bounds.items
                || state.bytes.saturating_add(weight) > self.bounds.bytes);
        let discarded = if full {
            let discarded = T::collapse(&mut state.queue);
            let counting = state.queue.iter().filter(|item| item.counts());
            (state.items, state.bytes) = counting.fold((0, 0), |(items, bytes), item| {
                (items + 1, bytes + item.weight())
            });
            discarded
        } else {
            Vec::new()
        };
        // What overflowed the lane is covered by what the queue collapsed to, so it may go in
        // behind it: the bound is exceeded by one item at most.
        state.items += usize::from(item.counts());
        state.bytes += weight;
        state.queue.push(item);
        let reader = state.reader.take();
        drop(state);
        // Items are dropped outside the lock: they may hold anything of the user's.
        drop(discarded);
        if let Some(reader) = reader {
            reader.wake();
        }
        full
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends the lane: what is queued is discarded, and the reader is told.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        (state.items, state.bytes) = (0, 0);
        let queue = std::mem::take(&mut state.queue);
        let reader = state.reader.take();
        drop(state);
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Moves everything queued to `batch`, which must be empty; `false` once the lane is closed.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, batch: &mut Vec<T>) -> Poll<bool> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(false);
        }
        if state.queue.is_empty() {
            match &mut state.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                reader @ None => *reader = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        (state.items, state.bytes) = (0, 0);
        std::mem::swap(&mut state.queue, batch);
        Poll::Ready(true)
    }

    /// As [`poll_take`](Self::poll_take). Cancel safe: nothing is taken before it is ready.
    pub(crate) async fn take(&self, batch: &mut Vec<T>) -> bool {
        poll_fn(|cx| self.poll_take(cx, batch)).await
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No code of a user's runs under the lock, so a poisoned state is whole all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

        fn collapse(queue: &mut Vec<Self>) -> Vec<Self> {
            std::mem::replace(queue, vec![Self::All])
        }

        fn adds_nothing_to(&self, last: &Self) -> bool {
            *self == Self::All && *last == Self::All
        }
    }

    fn drain(lane: &Lane<Note>) -> Option<Vec<Note>> {
        let mut batch = Vec::new();
        match lane.poll_take(&mut Context::from_waker(Waker::noop()), &mut batch) {
            Poll::Ready(true) => Some(batch),
            Poll::Ready(false) => None,
            Poll::Pending => Some(Vec::new()),
        }
    }

    #[test]
    fn keeps_order() {
        let lane = Lane::new(Bounds {
            items: 8,
            bytes: 1000,
        });
        for n in 0..3 {
            assert!(!lane.push(Note::Number(n)));
        }
        assert_eq!(
            drain(&lane).unwrap(),
            [Note::Number(0), Note::Number(1), Note::Number(2)]
        );
        assert_eq!(drain(&lane).unwrap(), []);
    }

    #[test]
    fn too_many_items_collapse_to_one_marker_and_the_rest_follows() {
        let lane = Lane::new(Bounds {
            items: 4,
            bytes: 1000,
        });
        let collapsed = (0..6).filter(|&n| lane.push(Note::Number(n))).count();
        assert_eq!(collapsed, 1);
        assert_eq!(
            drain(&lane).unwrap(),
            [Note::All, Note::Number(4), Note::Number(5)]
        );
    }

    #[test]
    fn too_many_bytes_collapse() {
        let lane = Lane::new(Bounds {
            items: 100,
            bytes: 25,
        });
        lane.push(Note::Number(0));
        lane.push(Note::Number(1));
        assert!(lane.push(Note::Number(2)));
        assert_eq!(drain(&lane).unwrap(), [Note::All, Note::Number(2)]);
    }

    #[test]
    fn one_item_beyond_the_bytes_passes_alone() {
        let lane = Lane::new(Bounds {
            items: 100,
            bytes: 5,
        });
        assert!(!lane.push(Note::Number(0)));
        assert_eq!(drain(&lane).unwrap(), [Note::Number(0)]);
    }

    #[test]
    fn a_stuck_reader_finds_one_marker_however_long_it_was_stuck() {
        let lane = Lane::new(Bounds {
            items: 4,
            bytes: 1000,
        });
        for n in 0..1000 {
            lane.push(Note::Number(n));
        }
        let batch = drain(&lane).unwrap();
        assert_eq!(batch.iter().filter(|n| **n == Note::All).count(), 1);
        assert!(batch.len() <= 5);
        assert_eq!(batch.last(), Some(&Note::Number(999)));
    }

    #[test]
    fn a_marker_behind_a_marker_is_not_queued() {
        let lane = Lane::new(Bounds {
            items: 4,
            bytes: 1000,
        });
        lane.push(Note::Number(0));
        lane.push(Note::All);
        lane.push(Note::All);
        assert_eq!(drain(&lane).unwrap(), [Note::Number(0), Note::All]);
    }

    #[test]
    fn closing_discards_and_refuses() {
        let lane = Lane::new(Bounds {
            items: 4,
            bytes: 1000,
        });
        lane.push(Note::Number(0));
        lane.close();
        assert!(!lane.push(Note::Number(1)));
        assert_eq!(drain(&lane), None);
    }
}
