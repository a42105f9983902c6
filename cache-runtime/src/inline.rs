//! Inline subscribers: called by the receiving task and by publishers, before anybody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::channel::Channel;
use crate::event::InvalidationEvent;

/// An inline subscriber.
pub(crate) struct Inline<E> {
    call: Box<dyn Fn(&E) + Send + Sync>,
    /// Events that may not have been applied: nobody else may take back what one call has added.
    owed: AtomicU64,
}

impl<E: InvalidationEvent> Inline<E> {
    pub(crate) fn new(call: impl Fn(&E) + Send + Sync + 'static) -> Self {
        Self {
            call: Box::new(call),
            owed: AtomicU64::new(0),
        }
    }

    /// Applies an event. After a panic it is not known what was applied, so everything is.
    pub(crate) fn apply(&self, event: &E, channel: &Channel<E>) {
        let call = |event: &E| {
            let clean = catch_unwind(AssertUnwindSafe(|| (self.call)(event))).is_ok();
            if !clean {
                self.owed.fetch_add(1, Ordering::AcqRel);
                channel.panicked("inline subscriber");
            }
            clean
        };
        if self.owed.load(Ordering::Acquire) == 0 && call(event) {
            return;
        }
        let owed = self.owed.load(Ordering::Acquire);
        if call(&E::all()) {
            // More may have come to be owed meanwhile, which this `All` does not cover.
            let _ = self
                .owed
                .compare_exchange(owed, 0, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}
