//! Inline subscribers: called by the receiving task and by publishers, before anybody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::channel::Channel;
use crate::event::InvalidationEvent;

/// What an inline subscriber is told.
pub(crate) enum Notice<'a, E> {
    /// An event that was received.
    Event(&'a E),
    /// An event that this instance is about to publish. If all goes well it is received as well.
    Published(&'a E),
    /// Everything may be stale.
    Stale,
    /// The same, and from now on events may be lost; before they are not, `Stale` follows.
    Lost,
}

/// An inline subscriber.
pub(crate) struct Inline<E> {
    call: Call<E>,
    /// Events that may not have been applied: nobody else may take back what one call has added.
    owed: AtomicU64,
}

type Call<E> = Box<dyn Fn(Notice<'_, E>) + Send + Sync>;

impl<E: InvalidationEvent> Inline<E> {
    pub(crate) fn new(call: impl Fn(Notice<'_, E>) + Send + Sync + 'static) -> Self {
        Self {
            call: Box::new(call),
            owed: AtomicU64::new(0),
        }
    }

    /// Applies a notice. After a panic it is not known what was applied, so everything is.
    pub(crate) fn apply(&self, notice: Notice<'_, E>, channel: &Channel<E>) {
        let call = |notice: Notice<'_, E>| {
            let clean = catch_unwind(AssertUnwindSafe(|| (self.call)(notice))).is_ok();
            if !clean {
                self.owed.fetch_add(1, Ordering::AcqRel);
                channel.panicked("inline subscriber");
            }
            clean
        };
        if self.owed.load(Ordering::Acquire) == 0 && call(notice) {
            return;
        }
        let owed = self.owed.load(Ordering::Acquire);
        if call(Notice::Stale) {
            // More may have come to be owed meanwhile, which this does not cover.
            let _ = self
                .owed
                .compare_exchange(owed, 0, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}
