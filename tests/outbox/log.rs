//! A log that panics.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Level;

pub(crate) use support::log::warnings;

/// The log panics when it first says that an event of this channel was sent again.
pub(crate) const PANICS: &str = "cache:panics";

static HAS_PANICKED: AtomicBool = AtomicBool::new(false);

pub(crate) fn has_panicked() -> bool {
    HAS_PANICKED.load(Ordering::Acquire)
}

/// Receives the log of this process from now on.
pub(crate) fn start() {
    support::log::start_with(Level::TRACE, |line| {
        let sent = line.contains("deferred event published") && line.contains(PANICS);
        assert!(
            !sent || HAS_PANICKED.swap(true, Ordering::AcqRel),
            "the log panics, as a test wants"
        );
    });
}
