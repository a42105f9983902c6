//! The faults, and how the world causes them.

use std::time::Duration;

use cache_runtime::__private::link::ChannelId;

use crate::process::Signal;
use crate::queue::Happening;
use crate::server::Wire;
use crate::world::{World, ms};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// No fault: the first subscription is not confirmed yet.
    Starting,
    /// The server closes the connection, and the client sees it.
    Kill,
    /// Commands vanish on their way to the server.
    HoleUp,
    /// What the server sends vanishes.
    HoleDown,
    /// What the server sends is late.
    Late,
    /// The server does nothing for a while.
    Freeze,
    /// The server goes away and comes back without subscriptions.
    Restart,
    /// The server discards its output buffer, and closes the connection.
    OutputBuffer,
    /// The server ends a subscription by itself.
    Unsubscribe,
    /// The server refuses a channel for a while.
    Refuse,
    /// The server refuses the canary channel for a while.
    RefuseCanary,
    /// Publishing a canary fails with an error.
    CanaryFailing,
    /// Canaries vanish.
    CanaryHole,
    /// More messages than the inbox holds.
    Overflow,
    /// Messages that are rejected.
    Malformed,
    /// The process does not run for a while.
    Pause,
    /// Pushes vanish for a while on a connection that stays open.
    Skip,
    /// Another server becomes the primary; connections stay on the old one.
    FailOver,
    /// The server is replaced behind the connections, which stay.
    Replace,
    /// One of the two connections moves to another server.
    Split,
}

impl Fault {
    pub(crate) const ALL: [Self; 19] = [
        Self::Kill,
        Self::HoleUp,
        Self::HoleDown,
        Self::Late,
        Self::Freeze,
        Self::Restart,
        Self::OutputBuffer,
        Self::Unsubscribe,
        Self::Refuse,
        Self::RefuseCanary,
        Self::CanaryFailing,
        Self::CanaryHole,
        Self::Overflow,
        Self::Malformed,
        Self::Pause,
        Self::Skip,
        Self::FailOver,
        Self::Replace,
        Self::Split,
    ];

    /// Those that need no server.
    pub(crate) const IN_PROCESS: [Self; 5] = [
        Self::CanaryFailing,
        Self::CanaryHole,
        Self::Overflow,
        Self::Malformed,
        Self::Pause,
    ];
}

impl World {
    pub(crate) fn strike(&mut self) {
        let fault = self.rng.pick(&self.plan.faults);
        let lease = self.plan.timings.lease;
        let outage = self.rng.between(lease / 10, lease * 2);
        let end = self.now + outage;
        self.blame = fault;
        self.struck.push(fault);
        self.trace(|| format!("FAULT {fault:?}, of {outage:?} if it lasts"));
        match fault {
            Fault::Starting => return,
            Fault::Kill => self.hang_up(true),
            Fault::HoleUp => {
                if let Some(connection) = &mut self.server.connection {
                    connection.hole_up = true;
                }
                let id = self.some_channel();
                self.toggle(id);
            }
            Fault::HoleDown => {
                if let Some(connection) = &mut self.server.connection {
                    connection.hole_down = true;
                }
            }
            Fault::Late => {
                if let Some(connection) = &mut self.server.connection {
                    connection.downwards = connection.downwards.max(end);
                }
            }
            Fault::Freeze => self.server.frozen = self.server.frozen.max(end),
            Fault::Restart => {
                self.server.down = end;
                let deliver_the_rest = self.rng.one_in(2);
                self.hang_up(deliver_the_rest);
            }
            Fault::OutputBuffer => {
                self.burst(20);
                self.hang_up(false);
            }
            Fault::Unsubscribe => self.unsubscribe_one(),
            Fault::Refuse => {
                let id = self.some_channel();
                self.refuse(id, end);
            }
            Fault::RefuseCanary => self.refuse(ChannelId::CANARY, end),
            Fault::CanaryFailing => self.canary_failing = self.canary_failing.max(end),
            Fault::CanaryHole => self.canary_hole = self.canary_hole.max(end),
            Fault::Overflow => {
                self.process.stalled = self.process.stalled.max(self.now + ms(50));
                self.burst(2 * self.plan.inbox);
            }
            Fault::Malformed => {
                let interval = self.plan.timings.rejection_interval;
                self.malformed = self.now + self.rng.between(ms(1), 3 * interval);
            }
            Fault::Pause if self.rng.one_in(3) => {
                self.process.stalled = self.process.stalled.max(end);
            }
            Fault::Pause => self.process.stopped = self.process.stopped.max(end),
            Fault::Skip => {
                let heartbeat = self.plan.timings.heartbeat;
                let until = self.now + self.rng.between(heartbeat / 4, heartbeat * 2);
                self.skip(until);
            }
            Fault::FailOver => self.fail_over(end),
            Fault::Replace => self.replace(),
            Fault::Split => self.split(),
        }
        self.calm = self.calm.max(end + ms(50)).max(self.malformed);
    }

    /// Publishes many events at once, or when the server thaws.
    fn burst(&mut self, events: usize) {
        for _ in 0..events {
            let id = self.some_channel();
            if self.now < self.server.frozen {
                let thaw = self.server.frozen;
                self.queue.push(thaw, Happening::Publish(id));
            } else {
                self.publish(id);
            }
        }
    }

    fn unsubscribe_one(&mut self) {
        let Some(connection) = &mut self.server.connection else {
            return;
        };
        let subscribed: Vec<_> = connection.subscribed.iter().copied().collect();
        if !subscribed.is_empty() {
            let id = self.rng.pick(&subscribed);
            connection.subscribed.remove(&id);
            self.send_down(Wire::Unsubscribed(id));
        }
    }

    /// As Redis does: it disconnects clients that lose access to a channel they are subscribed to.
    fn refuse(&mut self, id: ChannelId, until: Duration) {
        self.server.refused.insert(id, until);
        self.hang_up(true);
    }

    /// Users of a channel come, or all of them leave.
    pub(crate) fn toggle(&mut self, id: ChannelId) {
        if self.check.ledger.is_wanted(id) {
            self.trace(|| format!("users leave {id:?}"));
            self.check.forget(id);
            self.post(Signal::Unsubscribe(id));
        } else {
            self.trace(|| format!("users join {id:?}"));
            // They have to receive what is published after the call has returned.
            self.post(Signal::Subscribe(id));
            self.check.want(id);
        }
    }
}
