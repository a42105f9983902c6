//! The links of a bus: one, or in a cluster one for each node that carries channels.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::fences::{CanaryName, Fences};
use super::inbox::{EVERY_GENERATION, Inbox, Signal, Wanted};
use super::lease::Lease;
use super::supervisor::Supervisor;
use crate::channel::Dispatch;
use crate::health::{Health, Reported};
use crate::queue::Queue;
use crate::settings::Settings;
use crate::transport::Transport;

/// A link with its supervisor.
pub(super) struct Link {
    pub(super) transport: Transport,
    inbox: Arc<Inbox>,
    pub(super) health: Arc<Reported>,
    lease: Arc<Lease>,
    canary: CanaryName,
    supervisor: Option<JoinHandle<()>>,
    /// Nothing needed it when that was last looked at.
    pub(super) was_unused: bool,
}

impl Link {
    pub(super) fn new(
        settings: &Settings,
        canary: CanaryName,
        transport: Transport,
        lease: Arc<Lease>,
    ) -> Self {
        Self {
            transport,
            inbox: Arc::new(Queue::new(settings.inbox())),
            health: Arc::new(Reported::new(Health::Idle, lease.proven())),
            lease,
            canary,
            supervisor: None,
            was_unused: false,
        }
    }

    /// In a cluster, the slot of the canary channel.
    pub(super) fn slot(&self) -> Option<u16> {
        self.canary.slot
    }

    /// Subscribes a channel. Starts the supervisor if it does not run.
    pub(super) fn subscribe(
        &mut self,
        settings: &Settings,
        fences: &Arc<Fences>,
        channel: &Arc<dyn Dispatch>,
    ) {
        // The bus first, so that it is not reported as live while the channel is not.
        let bus = self.health.want();
        let wanted = Wanted {
            channel: channel.health().want(),
            bus,
        };
        if self.supervisor.is_none() {
            let inbox = Arc::clone(&self.inbox);
            self.transport.attach(Arc::new(move |wire| {
                inbox.push(Signal::Wire(EVERY_GENERATION, wire));
            }));
            let supervisor = Supervisor::new(
                settings,
                self.canary,
                Arc::clone(&self.lease),
                Arc::clone(fences),
                Arc::clone(&self.inbox),
                self.transport.clone(),
                Arc::clone(&self.health),
            );
            self.supervisor = settings.driver.spawn(supervisor.run());
        }
        self.inbox
            .push(Signal::Subscribe(Arc::clone(channel), wanted));
    }

    pub(super) fn unsubscribe(&self, channel: &dyn Dispatch) {
        self.inbox.push(Signal::Unsubscribe(channel.id()));
    }

    /// Takes a message or a status as from the connection for events, whichever that is.
    #[cfg(all(feature = "redis", feature = "testing"))]
    pub(super) fn pushed(&self, wire: crate::transport::Wire) {
        self.inbox.push(Signal::Wire(EVERY_GENERATION, wire));
    }

    /// The number in the name of its canary channel.
    #[cfg(all(feature = "redis", feature = "testing"))]
    pub(super) fn id(&self) -> u64 {
        self.canary.id
    }

    /// Ends the supervisor, and returns it.
    pub(super) fn end(&mut self) -> Option<JoinHandle<()>> {
        self.inbox.close();
        self.supervisor.take()
    }
}
