//! Keeps the events that the server has not taken, and sends them until it takes them.
//!
//! A task on the thread for I/O sends. It holds the connections and not the bus, so it does not keep a
//! bus alive.

mod fate;
mod pending;
mod sender;
mod shared;
#[cfg(test)]
mod tests;
mod times;
mod unsent;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::select;

use crate::channel::Dispatch;
use crate::clock::Instant;
use crate::counters::count;
use crate::error::Fate;
use crate::health::{Cause, Reported};
use crate::io_thread;
use crate::settings::Settings;
use crate::transport::Servers;
pub(crate) use fate::fate;
use fate::may_pass;
use pending::Event;
use shared::Shared;
use times::Window;
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
        self.keep(channel, payload, Duration::ZERO, Some(cause))
    }

    /// Keeps an event that is to be sent once a time has passed, and within as much time again.
    pub(crate) fn send_after(
        &self,
        channel: Arc<dyn Dispatch>,
        payload: &[u8],
        lag: Duration,
    ) -> Fate {
        self.keep(channel, payload, lag, None)
    }

    fn keep(
        &self,
        channel: Arc<dyn Dispatch>,
        payload: &[u8],
        lag: Duration,
        cause: Option<&Cause>,
    ) -> Fate {
        if !self.0.is_on {
            return Fate::Off;
        }
        let mut state = self.0.state.lock();
        if state.is_closed {
            return Fate::Refused;
        }
        if !*self.0.is_sending.borrow() {
            if (self.0.driver)
                .spawn(sender::run(Arc::clone(&self.0)))
                .is_none()
            {
                return Fate::Refused;
            }
            self.0.is_sending.send_replace(true);
        }
        count(&channel.counters().deferred);
        let (payload, now) = (payload.into(), self.0.driver.instant());
        let event = Event { channel, payload };
        state.pending.add(event, Window::after(now, lag), now);
        if let Some(cause) = cause {
            state.stuck.get_or_insert_with(|| (now, cause.clone()));
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

    /// For how long the server has not taken the events that are kept, and why.
    pub(crate) fn stuck(&self) -> Option<(Duration, Cause)> {
        let (since, cause) = self.0.state.lock().stuck.clone()?;
        let now = self.0.driver.instant();
        Some((now.saturating_duration_since(since), cause))
    }

    /// Keeps nothing more, and sends what is kept until `limit` has passed, or the longest limit of
    /// several calls. Returns what was not sent when the own limit has passed.
    pub(crate) async fn close(&self, limit: Duration) -> Unsent {
        let deadline = self.end_within(limit);
        let (mut sending, mut last) = (self.0.is_sending.subscribe(), self.0.deadline.subscribe());
        {
            // Neither wait can fail, because the outbox holds the senders.
            let ended = pin!(sending.wait_for(|is_sending| !is_sending));
            let own_limit = pin!(async {
                io_thread::sleep(deadline.saturating_duration_since(Instant::now())).await;
                // If nobody else waits for longer, the sender is about to end.
                drop(last.wait_for(|last| *last > Some(deadline)).await);
            });
            select(ended, own_limit).await;
        }
        self.0.state.lock().unsent()
    }

    /// As [`close`](Self::close), in the background.
    pub(crate) fn abandon(&self, limit: Duration) {
        self.end_within(limit);
        self.release();
    }

    /// Closes the connections once nothing is sent any more.
    pub(crate) fn release(&self) {
        let mut state = self.0.state.lock();
        state.is_released = true;
        let is_sending = *self.0.is_sending.borrow();
        drop(state);
        if !is_sending {
            self.0.servers.close();
        }
    }

    /// Until when it goes on, once it was closed.
    #[cfg(all(test, feature = "redis"))]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        *self.0.deadline.borrow()
    }

    fn end_within(&self, limit: Duration) -> Instant {
        let mut state = self.0.state.lock();
        state.is_closed = true;
        state.retry_at = None;
        drop(state);
        let deadline = Instant::now() + limit.min(LONGEST);
        self.0.deadline.send_modify(|last| {
            *last = (*last).max(Some(deadline));
        });
        self.0.news.notify_one();
        deadline
    }
}
