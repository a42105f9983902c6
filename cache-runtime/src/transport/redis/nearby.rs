//! Connections that the runtimes of callers drive.
//!
//! A request over the thread for I/O wakes that thread, and its answer wakes the caller's. On a
//! fast network this takes as long as the request itself (`--bench requests`). So a runtime that
//! makes many requests gets a connection of its own.
//!
//! Nothing depends on it. A runtime may be blocked, or end: then the request is made again over the
//! thread for I/O, which is why only requests that may be sent twice come here. The same happens if
//! the server is slow. A runtime with one worker gets no connection, because a task that blocks would
//! block it too. With several workers, a task that blocks right after its request may still do so.

use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id, RuntimeFlavor};

use super::open::Open;
use crate::server_info::Identity;
use crate::sync::Mutex;

/// A runtime gets a connection after so many requests within [`BUSY_WITHIN`].
const BUSY: u32 = 100;
const BUSY_WITHIN: Duration = Duration::from_secs(1);
/// The most runtimes that are observed.
const MOST_RUNTIMES: usize = 4;
/// How long a runtime is without a connection after one failed: the first time, doubled each time,
/// and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// A connection is closed when it was not used for so long.
const UNUSED: Duration = Duration::from_secs(10);

/// At most one connection for each runtime.
#[derive(Default)]
pub(super) struct Nearby(Mutex<State>);

#[derive(Default)]
struct State {
    runtimes: Vec<Runtime>,
    /// Ends the attempts to connect that began before: how often the connections were dropped.
    dropped: u64,
    is_closed: bool,
}

struct Runtime {
    id: Id,
    /// Requests without a connection, and since when they are counted.
    requests: (u32, Instant),
    /// There is no new connection until then, and for how long there was none.
    paused: Option<(Instant, Duration)>,
    connection: Option<Open>,
    /// Whether there is an attempt to connect. If it panics, because the runtime has no I/O, there is
    /// no other.
    is_opening: bool,
    used_at: Instant,
}

/// What there is for the runtime of the caller.
pub(super) enum Found {
    Open(Open),
    /// Nothing yet. The caller has to open a connection.
    Wanted(Opening),
    Nothing,
}

/// An attempt to connect.
pub(super) struct Opening {
    pub(super) runtime: Handle,
    dropped: u64,
}

impl Nearby {
    pub(super) fn find(&self) -> Found {
        let Some(runtime) = Handle::try_current().ok().filter(has_workers) else {
            return Found::Nothing;
        };
        let mut state = self.0.lock();
        if state.is_closed {
            return Found::Nothing;
        }
        let dropped = state.dropped;
        let Some(known) = state.runtime(runtime.id()) else {
            return Found::Nothing;
        };
        known.connection.take_if(|open| open.has_ended());
        if let Some(open) = &known.connection {
            known.used_at = Instant::now();
            return Found::Open(open.clone());
        }
        if known.becomes_busy() {
            return Found::Wanted(Opening { runtime, dropped });
        }
        Found::Nothing
    }

    /// Keeps a new connection, unless the connections were dropped meanwhile.
    pub(super) fn opened(&self, opening: &Opening, open: Open) {
        let mut state = self.0.lock();
        if state.is_closed || state.dropped != opening.dropped {
            return;
        }
        if let Some(runtime) = state.runtime(opening.runtime.id()) {
            runtime.connection = Some(open);
            runtime.is_opening = false;
            runtime.used_at = Instant::now();
        }
    }

    /// There was no attempt, or it has failed. After a failure there is a pause.
    pub(super) fn not_opened(&self, opening: &Opening, has_failed: bool) {
        let mut state = self.0.lock();
        if let Some(runtime) = state.runtime(opening.runtime.id()) {
            runtime.is_opening = false;
            if has_failed {
                runtime.pause();
            }
        }
    }

    /// Drops the connections that lead to another server than a new one for all runtimes.
    pub(super) fn keep(&self, server: Option<Identity>) {
        let mut state = self.0.lock();
        let is_other = |open: &mut Open| open.identity != server;
        for runtime in &mut state.runtimes {
            runtime.connection.take_if(is_other);
        }
    }

    /// The connections in use. Each is asked with every heartbeat.
    pub(super) fn in_use(&self) -> Vec<Open> {
        let mut state = self.0.lock();
        let unused = |runtime: &Runtime| runtime.used_at.elapsed() > UNUSED;
        for runtime in state.runtimes.iter_mut().filter(|runtime| unused(runtime)) {
            runtime.connection = None;
        }
        let open = |runtime: &Runtime| runtime.connection.clone();
        state.runtimes.iter().filter_map(open).collect()
    }

    /// Drops a connection that has failed; whether it was still there.
    pub(super) fn failed(&self, number: u64) -> bool {
        let mut state = self.0.lock();
        let has_failed = |open: &mut Open| open.number == number;
        for runtime in &mut state.runtimes {
            if runtime.connection.take_if(has_failed).is_some() {
                runtime.pause();
                return true;
            }
        }
        false
    }

    /// Drops all connections.
    pub(super) fn disconnect(&self) {
        let mut state = self.0.lock();
        state.dropped += 1;
        state.runtimes.clear();
    }

    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        state.runtimes.clear();
    }
}

impl State {
    /// What is known of a runtime; `None` if it is not observed.
    fn runtime(&mut self, id: Id) -> Option<&mut Runtime> {
        let known = self.runtimes.iter().position(|runtime| runtime.id == id);
        if let Some(known) = known {
            return self.runtimes.get_mut(known);
        }
        let now = Instant::now();
        if self.runtimes.len() >= MOST_RUNTIMES {
            // Also those of runtimes that have ended.
            self.runtimes
                .retain(|runtime| now - runtime.used_at <= UNUSED);
        }
        if self.runtimes.len() >= MOST_RUNTIMES {
            return None;
        }
        self.runtimes.push(Runtime {
            id,
            requests: (0, now),
            paused: None,
            connection: None,
            is_opening: false,
            used_at: now,
        });
        self.runtimes.last_mut()
    }
}

impl Runtime {
    /// Counts a request; whether it is the one that makes the runtime worth a connection.
    fn becomes_busy(&mut self) -> bool {
        self.requests.0 += 1;
        if self.requests.0 < BUSY {
            return false;
        }
        let now = Instant::now();
        let is_busy = now - self.requests.1 <= BUSY_WITHIN;
        self.requests = (0, now);
        self.used_at = now;
        let is_paused = self.paused.is_some_and(|(until, _)| now < until);
        let begins = is_busy && !is_paused && !self.is_opening;
        self.is_opening |= begins;
        begins
    }

    fn pause(&mut self) {
        let pause = self.paused.map_or(PAUSE.0, |(_, pause)| pause * 2);
        let pause = pause.min(PAUSE.1);
        self.paused = Some((Instant::now() + pause, pause));
    }
}

/// Whether others of its tasks run while one of them blocks.
fn has_workers(runtime: &Handle) -> bool {
    runtime.runtime_flavor() == RuntimeFlavor::MultiThread && runtime.metrics().num_workers() > 1
}
