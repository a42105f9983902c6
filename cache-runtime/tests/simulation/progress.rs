//! A progress bar, on a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The length of the bar, in characters.
const LENGTH: u64 = 40;
const SHOWN_EVERY: Duration = Duration::from_millis(200);

pub(crate) struct Progress {
    wanted: u64,
    /// Nothing more is begun after so long.
    limit: Duration,
    done: AtomicU64,
    is_over: AtomicBool,
    began: Instant,
    /// When it was last shown; `None` if this is no terminal.
    shown: Option<Mutex<Instant>>,
}

impl Progress {
    pub(crate) fn new(wanted: u64, limit: Duration) -> Self {
        let began = Instant::now();
        Self {
            wanted,
            limit,
            done: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            began,
            shown: stderr().is_terminal().then(|| Mutex::new(began)),
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
            || self.done.load(Ordering::Relaxed) >= self.wanted
            || self.began.elapsed() >= self.limit
    }

    pub(crate) fn add(&self, writes: u64) {
        let done = self.done.fetch_add(writes, Ordering::Relaxed) + writes;
        let Some(shown) = &self.shown else { return };
        let mut shown = shown.lock().expect("no panic while it is held");
        if shown.elapsed() >= SHOWN_EVERY {
            *shown = Instant::now();
            self.show(done);
        }
    }

    fn show(&self, done: u64) {
        let done = done.min(self.wanted);
        let full = done * LENGTH / self.wanted.max(1);
        let bar: String = (0..LENGTH)
            .map(|at| if at < full { '#' } else { '.' })
            .collect();
        let rate = done / self.began.elapsed().as_secs().max(1);
        let left = (self.wanted - done) / rate.max(1);
        let _ = write!(
            stderr(),
            "\r[{bar}] {done} of {} writes, {rate} per second, {left} s left \x1b[K",
            self.wanted
        );
    }

    /// Nothing more is done.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        if self.shown.is_some() {
            let _ = writeln!(stderr());
        }
    }
}
