//! Inline subscribers: called by the supervisor and by publishers, before any handler or stream.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// What an inline subscriber is called with.
pub(crate) enum Notice<'a, E> {
    /// An event was received.
    Event(&'a E),
    /// An event was received that counts as this instance's own: what it evicts was deleted in Redis
    /// when it was published.
    Echo(&'a E),
    /// This instance is about to publish an event. If that succeeds, the event is received as well.
    Published(&'a E),
    /// Events may have been lost: evict everything.
    Flush,
    /// Events may have been lost, and more may be lost from now on. `Flush` follows before the
    /// channel is live again.
    Down,
}

/// An inline subscriber.
pub(crate) struct Inline<E> {
    call: Call<E>,
    /// How many calls have panicked since the last flush that succeeded.
    owed: AtomicU64,
}

type Call<E> = Box<dyn Fn(Notice<'_, E>) + Send + Sync>;

impl<E> Inline<E> {
    pub(crate) fn new(call: impl Fn(Notice<'_, E>) + Send + Sync + 'static) -> Self {
        Self {
            call: Box::new(call),
            owed: AtomicU64::new(0),
        }
    }

    /// Applies a notice. After a panic it is unknown what was applied, so a flush follows.
    pub(crate) fn apply(&self, notice: Notice<'_, E>, panicked: impl Fn()) {
        let call = |notice: Notice<'_, E>| {
            let clean = catch_unwind(AssertUnwindSafe(|| (self.call)(notice))).is_ok();
            if !clean {
                self.owed.fetch_add(1, Ordering::AcqRel);
                panicked();
            }
            clean
        };
        if self.owed.load(Ordering::Acquire) == 0 && call(notice) {
            return;
        }
        let owed = self.owed.load(Ordering::Acquire);
        if call(Notice::Flush) {
            // If another call has panicked meanwhile, a further flush stays owed.
            let _ = self
                .owed
                .compare_exchange(owed, 0, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}
