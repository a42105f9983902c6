//! Connections that the runtimes of callers drive.
//!
//! A request over the thread for I/O wakes that thread, and its answer wakes the caller's. On a
//! fast network this takes as long as the request itself (`--bench requests`). So a runtime that
//! makes many requests gets a connection of its own.
//!
//! Nothing depends on it. A runtime may be blocked, or end: then the request is made again over the
//! thread for I/O, which is why only requests that may be sent twice come here. A runtime with one
//! worker gets no connection, because a task that blocks would block it too.

use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id, RuntimeFlavor};

use super::open::Open;
use crate::sync::Mutex;

/// A runtime gets a connection after so many requests within [`BUSY_WITHIN`].
const BUSY: u32 = 100;
const BUSY_WITHIN: Duration = Duration::from_secs(1);
/// The most runtimes that are observed.
const MOST_RUNTIMES: usize = 4;
/// How long a runtime is without a connection after one failed.
const PAUSE: Duration = Duration::from_secs(60);
/// A connection is closed after so many heartbeats without a request.
const MOST_UNUSED: u32 = 20;

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
    /// There is no new connection until then.
    paused_until: Option<Instant>,
    connection: Option<Open>,
    /// Heartbeats since the last request.
    unused: u32,
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
            known.unused = 0;
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
            runtime.unused = 0;
        }
    }

    /// The connections in use. Each is asked with every heartbeat.
    pub(super) fn in_use(&self) -> Vec<Open> {
        let mut state = self.0.lock();
        for runtime in &mut state.runtimes {
            runtime.unused += 1;
            if runtime.unused > MOST_UNUSED {
                runtime.connection = None;
            }
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
        self.disconnect();
        self.0.lock().is_closed = true;
    }
}

impl State {
    /// What is known of a runtime; `None` if it is not observed.
    fn runtime(&mut self, id: Id) -> Option<&mut Runtime> {
        let known = self.runtimes.iter().position(|runtime| runtime.id == id);
        if let Some(known) = known {
            return self.runtimes.get_mut(known);
        }
        if self.runtimes.len() >= MOST_RUNTIMES {
            self.runtimes.retain(|runtime| !runtime.is_forgettable());
        }
        if self.runtimes.len() >= MOST_RUNTIMES {
            return None;
        }
        self.runtimes.push(Runtime {
            id,
            requests: (0, Instant::now()),
            paused_until: None,
            connection: None,
            unused: 0,
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
        let is_paused = self.paused_until.is_some_and(|until| now < until);
        if !is_busy || is_paused {
            return false;
        }
        // Until the attempt has succeeded, there is no other.
        self.pause();
        true
    }

    fn pause(&mut self) {
        self.paused_until = Some(Instant::now() + PAUSE);
    }

    fn is_forgettable(&self) -> bool {
        self.connection.is_none() && self.requests.1.elapsed() > BUSY_WITHIN
    }
}

/// Whether others of its tasks run while one of them blocks.
fn has_workers(runtime: &Handle) -> bool {
    runtime.runtime_flavor() == RuntimeFlavor::MultiThread && runtime.metrics().num_workers() > 1
}
