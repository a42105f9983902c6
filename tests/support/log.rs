//! What the library logs.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static START: Once = Once::new();

/// Receives the warnings of this process from now on.
///
/// # Panics
///
/// When something else receives the log.
pub fn start() {
    start_with(Level::WARN, |_| {});
}

/// As [`start`], and calls `look` with each line of this level or a more important one. Of several calls in
/// a process, the first counts.
///
/// # Panics
///
/// When something else receives the log.
pub fn start_with(level: Level, look: fn(&str)) {
    START.call_once(|| {
        let log = Log { level, look };
        tracing::subscriber::set_global_default(log).expect("nothing else receives the log");
    });
}

/// The warnings so far that contain a text, such as the name of a cache or a channel.
#[must_use]
pub fn warnings(text: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let about = lines.iter().filter(|line| line.contains(text));
    about.cloned().collect()
}

struct Log {
    level: Level,
    look: fn(&str),
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        (self.look)(&line.0);
        if *event.metadata().level() == Level::WARN {
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
