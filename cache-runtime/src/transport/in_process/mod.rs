//! The in-process transport: instances on the same hub receive each other's events.

#[cfg(feature = "testing")]
mod network;
#[cfg(feature = "testing")]
mod outages;
mod store;

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use super::instances::Instances;
use super::wire::{Feed, Status, Wire};
use crate::driver::Driver;
use crate::health::Cause;
use crate::server_info::{Role, ServerInfo};
use crate::sync::Mutex;
#[cfg(feature = "testing")]
use network::Network;
pub(crate) use store::Store;

/// The answer of the in-process hub. A hub ends with its process, so it needs no identity.
pub(crate) static SERVER: ServerInfo = ServerInfo {
    role: Role::Primary,
    identity: None,
};

/// What stands in for a server.
pub(crate) struct Hub {
    /// Locked while a message is delivered, so that all instances receive messages in one order.
    attachments: Mutex<Vec<Weak<Attachment>>>,
    store: Store,
    #[cfg(feature = "testing")]
    driver: Driver,
}

/// One instance on a hub.
pub(crate) struct Attachment {
    hub: Arc<Hub>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    feed: Option<Feed>,
    channels: HashSet<Box<str>>,
    #[cfg(feature = "testing")]
    network: Network,
}

impl Hub {
    pub(crate) fn new(driver: &Driver) -> Self {
        Self {
            attachments: Mutex::default(),
            store: Store::new(driver),
            #[cfg(feature = "testing")]
            driver: driver.clone(),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The instances that may serve old values although they cannot be asked. Without tests there are
    /// none.
    #[cfg_attr(
        not(feature = "testing"),
        expect(clippy::unused_self, reason = "only tests cut instances off")
    )]
    pub(crate) fn instances(&self) -> Instances {
        #[cfg(feature = "testing")]
        return self.cut_off();
        #[cfg(not(feature = "testing"))]
        Instances::default()
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

    /// The hub, as a request reaches it. It fails only when a test has cut the network.
    #[cfg_attr(
        not(feature = "testing"),
        expect(clippy::unnecessary_wraps, reason = "only tests cut the network")
    )]
    pub(crate) fn reached(&self) -> Result<&Hub, Cause> {
        #[cfg(feature = "testing")]
        self.state.lock().network.check()?;
        Ok(&self.hub)
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
        #[cfg(feature = "testing")]
        if !state.network.is_up() {
            return state.channels.contains(channel);
        }
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
    #[cfg_attr(
        not(feature = "testing"),
        allow(
            unused_variables,
            clippy::unnecessary_wraps,
            clippy::needless_pass_by_value
        )
    )]
    pub(crate) fn new(attachment: &Arc<Attachment>, feed: Feed) -> Result<Self, Cause> {
        #[cfg(feature = "testing")]
        attachment.state.lock().network.connect(feed)?;
        Ok(Self(Arc::clone(attachment)))
    }

    /// `None` if there is no answer.
    pub(crate) fn subscribe(&self, channel: &str) -> Option<Status> {
        self.0.reached().ok()?;
        self.0.state.lock().channels.insert(channel.into());
        Some(Status::Confirmed {
            channel: channel.into(),
        })
    }

    /// `None` if there is no answer.
    pub(crate) fn unsubscribe(&self, channel: &str) -> Option<Status> {
        self.0.reached().ok()?;
        self.0.state.lock().channels.remove(channel);
        Some(Status::Unsubscribed {
            channel: channel.into(),
        })
    }

    pub(crate) fn ask(&self) -> Result<ServerInfo, Cause> {
        self.0.reached().map(|_| SERVER.clone())
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.channels.clear();
        #[cfg(feature = "testing")]
        state.network.disconnected();
    }
}
