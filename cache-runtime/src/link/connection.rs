//! The connection: when it is opened, which server it has to reach, and what ends it.

use std::time::Duration;

use super::channel::SubscriptionState;
use super::io::Output;
use super::peer::Peer;
use super::state::{Connection, Link};
use crate::health::Cause;
use crate::remedy::Remedy;
use crate::server_info::{Role, ServerInfo};

impl Link {
    pub(super) fn open(&mut self) {
        self.connection = Connection::Opening;
        self.outputs.push_back(Output::Connect);
    }

    /// Makes the next attempt to connect due. A test knows that the network is back.
    #[cfg(feature = "testing")]
    pub(crate) fn reachable(&mut self, now: Duration) {
        if let Connection::Waiting(at) = self.connection {
            self.connection = Connection::Waiting(at.min(now));
        }
    }

    pub(super) fn connected(&mut self, now: Duration, server: ServerInfo) {
        if self.connection == Connection::Opening {
            self.connection = Connection::Open;
            // The cause was that of the previous connection.
            self.cause = None;
            self.peer = Peer::default();
            self.answered = now;
            self.canaries.begin(now);
            if self.recognizes(now, server) {
                self.touch_all().for_each(drop);
            }
        }
    }

    /// Whether this is a primary, with the identity that was told before on these connections. If
    /// not, the connections end.
    pub(super) fn recognizes(&mut self, now: Duration, server: ServerInfo) -> bool {
        if self.connection != Connection::Open {
            return false;
        }
        let other = match server.role {
            Role::Primary => None,
            Role::Other(role) => Some(role).filter(|_| Remedy::Role.applies()),
        };
        let cause = match other {
            Some(role) => Cause::NotPrimary(role),
            None if self.peer.is_same(server.identity) || !Remedy::Identity.applies() => {
                return true;
            }
            None => Cause::AnotherServer,
        };
        self.disconnected(now, cause);
        false
    }

    pub(super) fn disconnected(&mut self, now: Duration, cause: Cause) {
        if self.connection == Connection::Open {
            self.outputs.push_back(Output::Disconnect);
        }
        self.lose(now, &cause, |_, _| SubscriptionState::None);
        self.cause = Some(cause);
        if matches!(self.connection, Connection::Open | Connection::Opening) {
            self.connection = Connection::Waiting(now + self.backoff.next());
        }
    }

    /// The lease has ended. The connection is kept while the server still answers subscriptions,
    /// because on a new one all of them would have to be sent again.
    pub(super) fn expire(&mut self, now: Duration) {
        let cause = self.cause.take().unwrap_or(Cause::LeaseExpired);
        if self.index.is_unanswered() && now < self.answered + self.timings.lease {
            self.lose(now, &cause, SubscriptionState::unproven);
        } else {
            self.disconnected(now, cause);
        }
    }

    pub(super) fn close_if_unwanted(&mut self) {
        if self.index.is_wanted() || self.connection == Connection::None {
            return;
        }
        self.outputs.push_back(Output::Disconnect);
        self.connection = Connection::None;
        self.cause = None;
        self.canaries.end();
        self.proven = None;
        for (_, channel) in self.touch_all() {
            channel.subscription = SubscriptionState::None;
        }
    }
}
