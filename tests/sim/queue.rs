//! What is still to happen in the simulation, in the order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use cache_runtime::__private::link::{ChannelId, ServerInfo};

use crate::process::Generation;
use crate::server::{Commands, Wire};

#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// An event is published.
    Publish(ChannelId),
    /// The periodic publisher publishes.
    Publisher,
    /// Subscribers of this process come or leave.
    Users,
    /// Something fails.
    Strike,
    /// At the server: a connection arrives.
    Connect(Generation),
    /// At the server: a command of a connection arrives.
    Command(Generation, ChannelId, Command),
    /// At a server: a canary, from a connection for publishing.
    Canary(u64, Commands),
    /// At the process: a server's role and identity, from the connection for publishing.
    Told(Generation, u64, Commands, ServerInfo),
    /// New connections reach the primary again.
    Readdress,
    /// The time during which pushes vanish is over.
    PushesReturn,
    /// At the process: something from a connection.
    Arrive(Generation, Wire),
    /// At the process: an attempt to connect times out.
    ConnectTimeout(Generation),
    /// At the process: a command times out, by its number.
    CommandTimeout(Generation, u64),
    /// At the process: a canary could not be published.
    CanaryFailed,
    /// The process takes from its inbox and looks at its clock.
    Wake,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Subscribe,
    Unsubscribe,
    /// Asks for the server's role and identity, with the number of a canary.
    Ask(u64),
}

/// Ordered by time. Of items at the same time, the one pushed first comes first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    items: BTreeMap<(Duration, Ticket), Happening>,
    tickets: Ticket,
}

pub(crate) type Ticket = u64;

impl Queue {
    pub(crate) fn push(&mut self, at: Duration, what: Happening) {
        self.tickets += 1;
        self.items.insert((at, self.tickets), what);
    }

    /// Puts an item back, to happen later. Items that are put back keep their order.
    pub(crate) fn postpone(&mut self, until: Duration, ticket: Ticket, what: Happening) {
        self.items.insert((until, ticket), what);
    }

    pub(crate) fn pop(&mut self) -> Option<(Duration, Ticket, Happening)> {
        let ((at, ticket), what) = self.items.pop_first()?;
        Some((at, ticket, what))
    }

    /// The highest ticket so far.
    pub(crate) fn latest_ticket(&self) -> Ticket {
        self.tickets
    }
}
