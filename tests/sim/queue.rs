//! What is going to happen, in the order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use cache_runtime::__private::link::ChannelId;

use crate::process::Generation;
use crate::server::Wire;

#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// An event is published.
    Publish(ChannelId),
    /// The publisher that publishes now and then does so.
    Publisher,
    /// Subscribers of this process come or leave.
    Users,
    /// Something fails.
    Strike,
    /// At the server: a connection.
    Connect(Generation),
    /// At the server: a command of a connection.
    Command(Generation, ChannelId, Command),
    /// At the server: a canary, from the connection for publishing.
    Canary(u64),
    /// At the process: something from a connection.
    Arrive(Generation, Wire),
    /// At the process: an attempt to connect times out.
    ConnectTimeout(Generation),
    /// At the process: a command times out, by its number.
    CommandTimeout(Generation, u64),
    /// At the process: a canary that could not be published.
    CanaryFailed,
    /// The process takes from its inbox and looks at its clock.
    Wake,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Subscribe,
    Unsubscribe,
}

/// What was pushed first comes first, of things at the same time.
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

    /// Puts something back, to happen later. Things that are put back keep their order.
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
