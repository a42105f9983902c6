//! A bus within the process: instances that are attached to the same hub hear each other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::kv::in_process::Store;
use crate::mailbox::{EVERY_GENERATION, Mailbox, Signal, Status, Wire};

/// What stands in for a server.
#[derive(Default)]
pub(crate) struct Hub {
    /// In one lock with the delivery, so that all instances have all messages in one order.
    attachments: Mutex<Vec<Weak<Attachment>>>,
    store: Store,
}

/// One instance on a hub.
pub(crate) struct Attachment {
    hub: Arc<Hub>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mailbox: Option<Arc<Mailbox>>,
    channels: HashSet<Box<str>>,
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Delivers to every attached instance; returns how many of them are subscribed.
    pub(crate) fn publish(&self, channel: &str, payload: &[u8]) -> u64 {
        let mut attachments = lock(&self.attachments);
        attachments.retain(|attachment| attachment.strong_count() > 0);
        attachments
            .iter()
            .filter_map(Weak::upgrade)
            .map(|attachment| u64::from(attachment.deliver(channel, payload)))
            .sum()
    }
}

impl Attachment {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            state: Mutex::default(),
        }
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// From now on everything that is published reaches the mailbox, in every channel. What asks
    /// for a subscription is queued there too, so nothing that is published after it can be missed.
    pub(crate) fn attach(self: &Arc<Self>, mailbox: &Arc<Mailbox>) {
        lock(&self.state).mailbox = Some(Arc::clone(mailbox));
        lock(&self.hub.attachments).push(Arc::downgrade(self));
    }

    pub(crate) fn detach(&self) {
        *lock(&self.state) = State::default();
    }

    fn deliver(&self, channel: &str, payload: &[u8]) -> bool {
        let state = lock(&self.state);
        if let Some(mailbox) = &state.mailbox {
            let message = Wire::Message {
                channel: channel.into(),
                payload: payload.into(),
            };
            mailbox.push(Signal::Wire(EVERY_GENERATION, message));
        }
        state.channels.contains(channel)
    }
}

/// The channels that count as subscribed. Dropping it ends them all.
pub(crate) struct Subscriber(Arc<Attachment>);

impl Subscriber {
    pub(crate) fn new(attachment: &Arc<Attachment>) -> Self {
        Self(Arc::clone(attachment))
    }

    pub(crate) fn subscribe(&self, channel: &str) -> Status {
        lock(&self.0.state).channels.insert(channel.into());
        Status::Confirmed {
            channel: channel.into(),
        }
    }

    pub(crate) fn unsubscribe(&self, channel: &str) -> Status {
        lock(&self.0.state).channels.remove(channel);
        Status::Unsubscribed {
            channel: channel.into(),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        lock(&self.0.state).channels.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
