//! The state of an outbox.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::pending::Pending;
use super::unsent::Unsent;
use crate::health::{Cause, Reported};
use crate::log_throttle::LogThrottle;
use crate::settings::Settings;
use crate::sync::Mutex;
use crate::transport::Servers;

/// What the outbox and its sender share.
pub(super) struct Shared {
    pub(super) servers: Servers,
    /// The health of the bus.
    pub(super) health: Arc<Reported>,
    /// Whether anything may be kept. Off if the settings allow no events.
    pub(super) is_on: bool,
    pub(super) backoff: (Duration, Duration),
    pub(super) state: Mutex<State>,
    /// Wakes the sender.
    pub(super) news: Notify,
    /// Until when the sender goes on, once the bus is closed.
    pub(super) deadline: watch::Sender<Option<Instant>>,
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
    /// The bus is gone, so the sender has to close the connections.
    pub(super) is_abandoned: bool,
    /// Whether the sender was started, and has not ended.
    pub(super) is_sending: bool,
    /// Started with the first event. It ends when the bus is closed.
    pub(super) sender: Option<JoinHandle<()>>,
    pub(super) unsent: Unsent,
}

impl Shared {
    pub(super) fn new(settings: &Settings, servers: Servers, health: Arc<Reported>) -> Self {
        Self {
            servers,
            health,
            is_on: settings.outbox.items > 0 && settings.outbox.bytes > 0,
            backoff: (settings.backoff_min, settings.backoff_max),
            state: Mutex::new(State {
                pending: Pending::new(settings.outbox),
                retry_at: None,
                stuck: None,
                is_closed: false,
                is_abandoned: false,
                is_sending: false,
                sender: None,
                unsent: Unsent::default(),
            }),
            news: Notify::new(),
            deadline: watch::Sender::default(),
            is_used: AtomicBool::new(false),
            refusals: LogThrottle::default(),
        }
    }
}
