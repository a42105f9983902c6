//! Inline subscribers: called by the receiving task and by publishers, before anybody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// What an inline subscriber is told.
pub(crate) enum Notice<'a, E> {
    /// An event was received.
    Event(&'a E),
    /// This instance is about to publish an event. Unless that fails, the event is received as well.
    Published(&'a E),
    /// Events may have been lost; everything is to be evicted.
    Flush,
    /// The same, and the channel is down: events may be lost from now on. `Flush` follows before it
    /// is live again.
    Down,
}

/// An inline subscriber.
pub(crate) struct Inline<E> {
    call: Call<E>,
    /// Calls that panicked and are not made up for by a flush yet. Each call takes back only what it
    /// has found, because others may add to it meanwhile.
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

    /// Applies a notice. A panic leaves unknown what was applied, so a flush follows it.
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
            // A call that has panicked since needs a flush of its own.
            let _ = self
                .owed
                .compare_exchange(owed, 0, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}
