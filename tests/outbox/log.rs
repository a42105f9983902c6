//! What the library logs, and a log that panics.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The log panics when it first says that an event of this channel was sent again.
pub(crate) const PANICS: &str = "cache:panics";

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static HAS_PANICKED: AtomicBool = AtomicBool::new(false);
static LOG: LazyLock<()> = LazyLock::new(|| {
    tracing::subscriber::set_global_default(Log).expect("nothing else receives the log");
});

/// The warnings of a channel so far.
pub(crate) fn warnings(channel: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let of_channel = lines.iter().filter(|line| line.contains(channel));
    of_channel.cloned().collect()
}

pub(crate) fn has_panicked() -> bool {
    HAS_PANICKED.load(Ordering::Acquire)
}

/// Receives the log of this process from now on.
pub(crate) fn start() {
    LazyLock::force(&LOG);
}

struct Log;

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let sent = line.0.contains("deferred event published") && line.0.contains(PANICS);
        assert!(
            !sent || HAS_PANICKED.swap(true, Ordering::AcqRel),
            "the log panics, as a test wants"
        );
        if *event.metadata().level() == tracing::Level::WARN {
            let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(line.0);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").expect("strings take everything");
    }
}
