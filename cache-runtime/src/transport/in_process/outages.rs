//! What tests do with the network of an instance, and what the hub tells others of it meanwhile.

use std::sync::Weak;

use tokio::sync::oneshot::{self, Receiver};

use super::{Attachment, Hub, State};
use crate::transport::instances::{Instances, Listing};
use crate::transport::wire::{Status, Wire};

impl Attachment {
    /// Ends the connections, and lets none be made. The answer comes when the instance has noticed.
    pub(crate) fn disconnect(&self) -> Receiver<()> {
        let mut state = self.state.lock();
        state.channels.clear();
        state.network.cut();
        state.ask(false)
    }

    /// Lets nothing pass from now on.
    pub(crate) fn silence(&self) {
        self.state.lock().network.silence();
    }

    /// Lets everything pass from now on. The answer comes when the instance has noticed.
    pub(crate) fn reconnect(&self) -> Receiver<()> {
        let mut state = self.state.lock();
        if state.network.restore() {
            state.channels.clear();
        }
        state.ask(true)
    }

    /// Takes note of the lease that a canary begins.
    pub(crate) fn list(&self, listing: &Listing) {
        let now = self.hub.driver.instant();
        self.state.lock().network.list(listing, now);
    }
}

impl State {
    /// Tells the instance about the network. The answer is an error if nothing runs that could notice.
    fn ask(&self, is_back: bool) -> Receiver<()> {
        let (noticed, receiver) = oneshot::channel();
        if let Some(feed) = &self.feed {
            feed(Wire::Status(Status::Network { is_back, noticed }));
        }
        receiver
    }
}

impl Hub {
    /// The instances that are cut off, and whose leases may hold. The others answer by themselves.
    pub(super) fn cut_off(&self) -> Instances {
        let (attachments, now) = (self.attachments.lock(), self.driver.instant());
        let all = attachments.iter().filter_map(Weak::upgrade);
        let listed = all.filter_map(|attachment| attachment.state.lock().network.cut_off(now));
        Instances {
            listed: listed.collect(),
            ..Instances::default()
        }
    }
}
