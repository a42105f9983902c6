//! The links of a bus: one, or in a cluster one for each node that carries channels.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::fences::Fences;
use super::inbox::{EVERY_GENERATION, Inbox, Signal, Wanted};
use super::lease::Lease;
use super::supervisor::Supervisor;
use crate::channel::Dispatch;
use crate::health::{Health, Reported};
use crate::io_thread;
use crate::queue::Queue;
use crate::settings::Settings;
use crate::transport::Transport;

/// A link with its supervisor.
pub(super) struct Link {
    pub(super) transport: Transport,
    inbox: Arc<Inbox>,
    pub(super) health: Arc<Reported>,
    lease: Arc<Lease>,
    /// In a cluster, the slot of the canary channel.
    pub(super) slot: Option<u16>,
    /// Random and new with every start, so that canaries of others are not taken for its own.
    id: u64,
    supervisor: Option<JoinHandle<()>>,
    /// In a cluster, whether the node had no channels and no slots when that was last looked at.
    pub(super) is_unused: bool,
}

impl Link {
    /// `id` is random and new with every start; `slot` is one of the node in a cluster.
    pub(super) fn new(
        settings: &Settings,
        (id, slot): (u64, Option<u16>),
        transport: Transport,
        lease: Arc<Lease>,
    ) -> Self {
        Self {
            transport,
            inbox: Arc::new(Queue::new(settings.inbox())),
            health: Arc::new(Reported::new(Health::Idle, lease.proven())),
            lease,
            slot,
            id,
            supervisor: None,
            is_unused: false,
        }
    }

    /// Subscribes a channel. Starts the supervisor if it does not run.
    pub(super) fn subscribe(
        &mut self,
        settings: &Settings,
        fences: &Arc<Fences>,
        channel: &Arc<dyn Dispatch>,
    ) {
        let wanted = Wanted {
            channel: channel.health().want(),
            bus: self.health.want(),
        };
        if self.supervisor.is_none() {
            let inbox = Arc::clone(&self.inbox);
            self.transport.attach(Arc::new(move |wire| {
                inbox.push(Signal::Wire(EVERY_GENERATION, wire));
            }));
            let supervisor = Supervisor::new(
                settings,
                (self.id, self.slot),
                Arc::clone(&self.lease),
                Arc::clone(fences),
                Arc::clone(&self.inbox),
                self.transport.clone(),
                Arc::clone(&self.health),
            );
            self.supervisor = io_thread::spawn(supervisor.run());
        }
        self.inbox
            .push(Signal::Subscribe(Arc::clone(channel), wanted));
    }

    pub(super) fn unsubscribe(&self, channel: &dyn Dispatch) {
        self.inbox.push(Signal::Unsubscribe(channel.id()));
    }

    /// Ends the supervisor, and returns it.
    pub(super) fn end(&mut self) -> Option<JoinHandle<()>> {
        self.inbox.close();
        self.supervisor.take()
    }
}
