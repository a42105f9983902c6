//! The state of an outbox.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::pending::Pending;
use super::unsent::Unsent;
use crate::clock::Instant;
use crate::driver::Driver;
use crate::health::{Cause, Reported};
use crate::log_throttle::LogThrottle;
use crate::settings::Settings;
use crate::sync::Mutex;
use crate::transport::Servers;

/// What the outbox and its sender share.
pub(super) struct Shared {
    pub(super) driver: Driver,
    pub(super) servers: Servers,
    /// The health of the bus.
    pub(super) health: Arc<Reported>,
    /// Whether anything may be kept. Off if the settings allow no events.
    pub(super) is_on: bool,
    pub(super) backoff: (Duration, Duration),
    pub(super) state: Mutex<State>,
    /// Wakes the sender.
    pub(super) news: Notify,
    /// Until when the sender goes on, once the bus is closed. It may be put off.
    pub(super) deadline: watch::Sender<Option<Instant>>,
    /// Whether the sender was started, and has not ended. Changed under the lock of the state.
    pub(super) is_sending: watch::Sender<bool>,
    /// Whether anything was ever kept. Without it, publications need not look.
    pub(super) is_used: AtomicBool,
    pub(super) refusals: LogThrottle,
}

pub(super) struct State {
    pub(super) pending: Pending,
    /// The wait after a failure ends then.
    pub(super) retry_at: Option<Instant>,
    /// Since when the server takes no events, and why.
    pub(super) stuck: Option<(Instant, Cause)>,
    pub(super) is_closed: bool,
    /// Nobody else uses the connections any more, so the sender closes them when it ends.
    pub(super) is_released: bool,
    /// What was given up since the bus was closed.
    pub(super) given_up: Unsent,
}

impl State {
    /// What the server has not taken of what the closed bus had to send.
    pub(super) fn unsent(&self) -> Unsent {
        let mut unsent = self.given_up.clone();
        for (channel, events) in self.pending.unsent() {
            unsent.add(channel, events);
        }
        unsent
    }
}

impl Shared {
    pub(super) fn new(settings: &Settings, servers: Servers, health: Arc<Reported>) -> Self {
        Self {
            driver: settings.driver.clone(),
            servers,
            health,
            is_on: settings.outbox.items > 0 && settings.outbox.bytes > 0,
            backoff: (settings.backoff_min, settings.backoff_max),
            state: Mutex::new(State {
                pending: Pending::new(settings.outbox),
                retry_at: None,
                stuck: None,
                is_closed: false,
                is_released: false,
                given_up: Unsent::default(),
            }),
            news: Notify::new(),
            deadline: watch::Sender::default(),
            is_sending: watch::Sender::default(),
            is_used: AtomicBool::new(false),
            refusals: LogThrottle::default(),
        }
    }
}
