//! Keeps the events that the server has not taken, and sends them until it takes them.
//!
//! A task on the thread for I/O sends. It holds the connections and not the bus, so it does not keep a
//! bus alive.

mod pending;
mod sender;
mod shared;
mod unsent;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::channel::Dispatch;
use crate::counters::count;
use crate::error::Fate;
use crate::health::{Cause, Reported};
use crate::io_thread;
use crate::settings::Settings;
use crate::transport::Servers;
use pending::Due;
use shared::Shared;
pub use unsent::Unsent;

/// The longest time to close a bus. A longer one could overflow when it is added to the present.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The outbox of a bus. Clones share it.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Shared>);

impl Outbox {
    pub(crate) fn new(settings: &Settings, servers: Servers, health: Arc<Reported>) -> Self {
        Self(Arc::new(Shared::new(settings, servers, health)))
    }

    /// Keeps an event that the server did not take, unless it never will.
    pub(crate) fn defer(&self, channel: Arc<dyn Dispatch>, payload: &[u8], cause: &Cause) -> Fate {
        if !may_pass(cause) {
            return Fate::Refused;
        }
        let now = Instant::now();
        self.keep(channel, payload, now, Some(cause.clone()))
    }

    /// Keeps an event that is to be sent at a time.
    pub(crate) fn send_at(&self, channel: Arc<dyn Dispatch>, payload: &[u8], at: Instant) -> Fate {
        self.keep(channel, payload, at, None)
    }

    fn keep(
        &self,
        channel: Arc<dyn Dispatch>,
        payload: &[u8],
        at: Instant,
        cause: Option<Cause>,
    ) -> Fate {
        if !self.0.is_on {
            return Fate::Off;
        }
        let mut state = self.0.state.lock();
        if state.is_closed {
            return Fate::Refused;
        }
        // If the sender has panicked, another goes on.
        if state.sender.as_ref().is_none_or(JoinHandle::is_finished) {
            state.sender = io_thread::spawn(sender::run(Arc::clone(&self.0)));
        }
        if state.sender.is_none() {
            return Fate::Refused;
        }
        state.is_sending = true;
        count(&channel.counters().deferred);
        state.pending.add(Due {
            channel,
            payload: payload.into(),
            at,
        });
        if let Some(cause) = cause {
            state.stuck.get_or_insert((at, cause));
        }
        self.0.is_used.store(true, Ordering::Release);
        drop(state);
        self.0.news.notify_one();
        Fate::Deferred
    }

    /// The server has taken an event of this channel, so it may take those that are kept.
    pub(crate) fn reached(&self, channel: &str) {
        if self.0.is_used.load(Ordering::Acquire) {
            let mut state = self.0.state.lock();
            if state.retry_at.is_some() && state.pending.has(channel) {
                state.retry_at = None;
                drop(state);
                self.0.news.notify_one();
            }
        }
    }

    /// Since when the server has not taken the events that are kept, and why.
    pub(crate) fn stuck(&self) -> Option<(Instant, Cause)> {
        self.0.state.lock().stuck.clone()
    }

    /// Keeps nothing more, and sends what is kept until `limit` has passed. Returns what was not sent.
    pub(crate) async fn close(&self, limit: Duration) -> Unsent {
        self.end_within(limit);
        let sender = self.0.state.lock().sender.take();
        if let Some(sender) = sender {
            let _ = sender.await;
        }
        std::mem::take(&mut self.0.state.lock().unsent)
    }

    /// As [`close`](Self::close), in the background. Then closes the connections.
    pub(crate) fn abandon(&self, limit: Duration) {
        self.end_within(limit);
        let mut state = self.0.state.lock();
        state.is_abandoned = true;
        let is_sending = state.is_sending;
        drop(state);
        if !is_sending {
            self.0.servers.close();
        }
    }

    fn end_within(&self, limit: Duration) {
        let mut state = self.0.state.lock();
        state.is_closed = true;
        state.retry_at = None;
        drop(state);
        let deadline = Instant::now() + limit.min(LONGEST);
        self.0.deadline.send_modify(|known| {
            known.get_or_insert(deadline);
        });
        self.0.news.notify_one();
    }
}

/// What becomes of an event that is kept somewhere, and that the server has not taken.
pub(crate) fn fate(cause: &Cause) -> Fate {
    if may_pass(cause) {
        Fate::Deferred
    } else {
        Fate::Refused
    }
}

/// Whether the server may take an event later that it has not taken for this cause. In doubt it may:
/// one event too many costs a load.
fn may_pass(cause: &Cause) -> bool {
    match cause {
        Cause::Refused(_) | Cause::Settings(_) | Cause::Conflict(_) | Cause::Closed => false,
        Cause::Unreachable(_)
        | Cause::Timeout(_)
        // A password may be replaced on the server first.
        | Cause::Credentials(_)
        | Cause::Version(_)
        | Cause::Disconnected
        | Cause::LeaseExpired
        | Cause::Unsubscribed
        | Cause::Overflow
        | Cause::NotPrimary(_)
        | Cause::AnotherServer
        | Cause::Replaced(_)
        | Cause::Moved(_)
        | Cause::Unserved(_)
        | Cause::MissingCanary
        | Cause::Unanswered
        | Cause::Oversized(_)
        | Cause::Stopped
        | Cause::Server(_) => true,
    }
}
