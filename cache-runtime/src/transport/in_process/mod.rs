//! The in-process transport: instances on the same hub receive each other's events.

mod store;

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use super::wire::{Feed, Status, Wire};
use crate::server_info::{Role, ServerInfo};
use crate::sync::Mutex;
pub(crate) use store::Store;

/// The answer of the in-process hub. A hub ends with its process, so it needs no identity.
pub(crate) static SERVER: ServerInfo = ServerInfo {
    role: Role::Primary,
    identity: None,
};

/// What stands in for a server.
#[derive(Default)]
pub(crate) struct Hub {
    /// Locked while a message is delivered, so that all instances receive messages in one order.
    attachments: Mutex<Vec<Weak<Attachment>>>,
    store: Store,
}

/// One instance on a hub.
#[derive(Default)]
pub(crate) struct Attachment {
    hub: Arc<Hub>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    feed: Option<Feed>,
    channels: HashSet<Box<str>>,
}

impl Hub {
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Delivers a payload to every attached instance, and returns how many of them are subscribed.
    pub(crate) fn publish(&self, channel: &str, payload: &[u8]) -> u64 {
        let mut attachments = self.attachments.lock();
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

    /// Gives `feed` all messages of all channels from now on, so that later subscriptions miss
    /// none.
    pub(crate) fn attach(self: &Arc<Self>, feed: Feed) {
        self.state.lock().feed = Some(feed);
        self.hub.attachments.lock().push(Arc::downgrade(self));
    }

    pub(crate) fn detach(&self) {
        *self.state.lock() = State::default();
    }

    fn deliver(&self, channel: &str, payload: &[u8]) -> bool {
        let state = self.state.lock();
        if let Some(feed) = &state.feed {
            feed(Wire::Message {
                channel: channel.into(),
                payload: payload.into(),
            });
        }
        state.channels.contains(channel)
    }
}

/// The subscriptions of an instance. Dropping it ends them.
///
/// They only count receivers, because the feed of an instance takes the messages of all channels.
pub(crate) struct Subscriber(Arc<Attachment>);

impl Subscriber {
    pub(crate) fn new(attachment: &Arc<Attachment>) -> Self {
        Self(Arc::clone(attachment))
    }

    pub(crate) fn subscribe(&self, channel: &str) -> Status {
        self.0.state.lock().channels.insert(channel.into());
        Status::Confirmed {
            channel: channel.into(),
        }
    }

    pub(crate) fn unsubscribe(&self, channel: &str) -> Status {
        self.0.state.lock().channels.remove(channel);
        Status::Unsubscribed {
            channel: channel.into(),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.0.state.lock().channels.clear();
    }
}
