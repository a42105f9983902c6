//! The supervisor: the task that feeds signals to the link and carries out the link's outputs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinSet, coop};
use tracing::{debug, error, info, warn};

use super::fences::{self, Acknowledgement, CanaryName, Fences};
use super::inbox::{EVERY_GENERATION, Generation, Inbox, Signal};
use super::lease::Lease;
use crate::channel::Dispatch;
use crate::driver::{Driver, Elapsed};
use crate::health::{Cause, Health, Reported};
use crate::link::{Audience, ChannelId, FlushCause, Input, Link, Output};
use crate::remedy::Remedy;
use crate::settings::{CANARY_PREFIX, FENCE, OnRejected, Settings};
use crate::slot::number_in;
use crate::transport::{Answer, Connection, Listing, Status, Transport, Wire};

/// How many signals are handled between two checks of the link's timeout.
const TICK_EVERY: usize = 128;

/// A command for some channels on the connection for events.
type Command = fn(&Connection, &[Arc<str>]) -> Answer<Vec<Status>>;

/// Drives one link, see the module.
pub(super) struct Supervisor {
    pub(super) link: Link,
    pub(super) lease: Arc<Lease>,
    /// Whether this is the link to a node of a cluster. Then each channel has a lease of its own, because
    /// it may move to another link.
    pub(super) is_node: bool,
    /// The time on the lease's clock, when it was last read. It is not read for every message,
    /// because reading it costs more than handling a message.
    now: Duration,
    pub(super) driver: Driver,
    pub(super) inbox: Arc<Inbox>,
    pub(super) transport: Transport,
    pub(super) connection: Option<Connection>,
    pub(super) generation: Generation,
    /// Attempts to connect and commands in progress. They end with the supervisor.
    pub(super) tasks: JoinSet<()>,
    /// The channels, each with the number that reports of its health must name: the latest
    /// [`Wanted::channel`](super::inbox::Wanted).
    pub(super) channels: HashMap<ChannelId, (Arc<dyn Dispatch>, u64)>,
    names: HashMap<Vec<u8>, ChannelId>,
    /// The name of the canary channel.
    pub(super) canary: Arc<str>,
    /// What comes before the id in the name of a canary channel.
    pub(super) canaries: Box<str>,
    /// The name of the channel of fences. It is subscribed together with that of canaries.
    pub(super) fence: Arc<str>,
    pub(super) fences: Arc<Fences>,
    /// How this instance is listed.
    pub(super) listing: Arc<Listing>,
    pub(super) acknowledging: JoinSet<()>,
    /// The health of the bus.
    health: Arc<Reported>,
    /// The number that reports of the bus's health must name: the latest
    /// [`Wanted::bus`](super::inbox::Wanted).
    wanted: u64,
    /// The connection was lost, and was not opened again since.
    is_lost: bool,
    max_payload: usize,
    /// The policy of channels that declare none.
    on_rejected: OnRejected,
}

impl Supervisor {
    pub(super) fn new(
        settings: &Settings,
        CanaryName { id, slot }: CanaryName,
        lease: Arc<Lease>,
        fences: Arc<Fences>,
        inbox: Arc<Inbox>,
        transport: Transport,
        health: Arc<Reported>,
    ) -> Self {
        // In a cluster, what belongs to the link is in a slot of its node.
        let tag = slot.map_or_else(String::new, |slot| format!(":{{{}}}", number_in(slot)));
        let canaries = settings.full_name(CANARY_PREFIX);
        let canary = fences::canary_of(&canaries, id) + &tag;
        Self {
            link: Link::new(settings.timings(id)),
            lease,
            is_node: slot.is_some(),
            now: Duration::ZERO,
            driver: settings.driver.clone(),
            inbox,
            transport,
            connection: None,
            generation: 0,
            tasks: JoinSet::new(),
            channels: HashMap::new(),
            names: HashMap::from([(canary.clone().into_bytes(), ChannelId::CANARY)]),
            canary: canary.into(),
            canaries: canaries.into(),
            fence: (settings.full_name(FENCE) + &tag).into(),
            fences,
            listing: Arc::new(Listing::new(settings, id)),
            acknowledging: JoinSet::new(),
            health,
            wanted: 0,
            is_lost: false,
            max_payload: settings.max_payload,
            on_rejected: settings.on_rejected,
        }
    }

    /// Runs until the inbox is closed.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let taken = match self.link.timeout() {
                Some(at) => {
                    let wait = at.saturating_sub(self.lease.now());
                    let taking = self.inbox.take(&mut batch);
                    self.driver.timeout_within(wait, taking).await
                }
                None => Ok(self.inbox.take(&mut batch).await),
            };
            self.now = self.lease.now();
            match taken {
                Ok(false) => return,
                Ok(true) => {
                    for (count, signal) in batch.drain(..).enumerate() {
                        // Subscriptions that follow each other are sent together. A message behind
                        // them counts only once they are.
                        if !matches!(signal, Signal::Subscribe(..)) {
                            self.carry_out();
                        }
                        self.receive(signal);
                        if count % TICK_EVERY == TICK_EVERY - 1 {
                            self.tick();
                        }
                    }
                    self.carry_out();
                }
                Err(Elapsed) => {}
            }
            self.tick();
            while let Some(ended) = self.tasks.try_join_next() {
                if ended.is_err_and(|error| error.is_panic()) {
                    let cause = Cause::Unreachable("a command to the server panicked".into());
                    self.feed(Input::Disconnected(cause));
                }
            }
            // So that a flood of messages does not keep other tasks of this thread from running.
            coop::consume_budget().await;
        }
    }

    /// Feeds a tick to the link if its timeout is due. An inbox that is never empty must not delay
    /// heartbeats.
    fn tick(&mut self) {
        if self.link.timeout().is_some_and(|at| self.lease.now() >= at) {
            self.feed(Input::Tick);
        }
    }

    fn receive(&mut self, signal: Signal) {
        match signal {
            Signal::Subscribe(channel, wanted) => {
                let id = channel.id();
                self.names.insert(channel.name().as_bytes().to_vec(), id);
                self.channels.insert(id, (channel, wanted.channel));
                self.wanted = wanted.bus;
                // Its outputs are carried out before the next signal of another kind.
                self.link.handle(self.now, Input::Subscribe(id));
                // The link reports changes only. The new subscribers need a report even without
                // one.
                self.health.report(self.wanted, self.link.health());
            }
            Signal::Unsubscribe(id) => self.feed(Input::Unsubscribe(id)),
            Signal::Connected(generation, result) if generation == self.generation => {
                let input = self.connected(result);
                self.feed(input);
            }
            Signal::Wire(generation, wire) => {
                if generation == self.generation || generation == EVERY_GENERATION {
                    self.receive_wire(wire);
                }
            }
            // An attempt that the link has given up.
            Signal::Connected(..) => {}
            Signal::Server(generation, told) => {
                if generation == self.generation {
                    self.lease.counters().told(&told.server.role);
                    self.feed(Input::Server {
                        canary: told.canary,
                        side: told.side,
                        connection: told.connection,
                        server: told.server,
                    });
                }
            }
            Signal::CanaryFailed(generation, cause) => {
                if generation == self.generation {
                    self.lease.counters().failed(&cause);
                    self.feed(Input::CanaryFailed(cause));
                }
            }
            Signal::Overflow => self.feed(Input::Overflow),
        }
    }

    fn id(&self, channel: &[u8]) -> Option<ChannelId> {
        self.names.get(channel).copied()
    }

    fn receive_wire(&mut self, wire: Wire) {
        match wire {
            Wire::Message { channel, payload } => match self.id(&channel) {
                _ if *channel == *self.fence.as_bytes() => self.fenced(&payload),
                Some(ChannelId::CANARY) => {
                    let number = std::str::from_utf8(&payload).ok();
                    if let Some(number) = number.and_then(|number| number.parse().ok()) {
                        self.feed(Input::Canary(number));
                    } else if let Some(by) = Acknowledgement::read(&payload) {
                        self.fences.acknowledged(&by);
                    }
                }
                Some(id) => self.message(id, &payload),
                None => {}
            },
            #[cfg(feature = "testing")]
            Wire::Status(Status::Network { is_back, noticed }) => {
                if is_back {
                    self.link.reachable(self.now);
                    self.feed(Input::Tick);
                }
                // The test may have given up waiting.
                let _ = noticed.send(());
            }
            Wire::Status(status) => {
                if let Some(input) = self.status(status) {
                    self.feed(input);
                }
            }
        }
    }

    fn status(&self, status: Status) -> Option<Input> {
        Some(match status {
            // Without fences, nobody would wait for this instance.
            Status::Refused { channel, cause } if *channel == *self.fence.as_bytes() => {
                Input::Disconnected(cause)
            }
            Status::Unsubscribed { channel } if *channel == *self.fence.as_bytes() => {
                Input::Unsubscribed(ChannelId::CANARY)
            }
            Status::Confirmed { channel } => Input::Confirmed {
                channel: self.id(&channel)?,
                gapless: self.transport.is_gapless(),
            },
            Status::Refused { channel, cause } => Input::Refused(self.id(&channel)?, cause),
            Status::Unsubscribed { channel } => Input::Unsubscribed(self.id(&channel)?),
            Status::Disconnected(cause) => Input::Disconnected(cause),
            #[cfg(feature = "testing")]
            Status::Network { .. } => return None,
        })
    }

    fn message(&mut self, id: ChannelId, payload: &[u8]) {
        if !self.link.accepts(id) {
            return;
        }
        let Some((channel, _)) = self.channels.get(&id) else {
            return;
        };
        let accepted = channel.deliver(payload, self.max_payload);
        if accepted {
            return;
        }
        let policy = channel.on_rejected().unwrap_or(self.on_rejected);
        if policy == OnRejected::Flush && Remedy::FlushOfRejected.applies() {
            self.link.handle(self.now, Input::Rejected(id));
            self.carry_out();
        }
    }

    pub(super) fn feed(&mut self, input: Input) {
        self.now = self.lease.now();
        self.link.handle(self.now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let since = self.link.proven().map(|proven| proven.since);
        self.fences.set_proven_since(since);
        // Subscriptions are sent together.
        let mut subscribing = Vec::new();
        while let Some(output) = self.link.poll_output() {
            if let Output::Subscribe(id) = output {
                subscribing.push(id);
                continue;
            }
            self.send(&std::mem::take(&mut subscribing), Connection::subscribe);
            self.act(output);
        }
        if !subscribing.is_empty() {
            self.send(&subscribing, Connection::subscribe);
            // What was answered at once.
            self.carry_out();
        }
    }

    /// Carries out one output. The outputs that follow from it wait in the link's queue.
    fn act(&mut self, output: Output) {
        match output {
            Output::Connect => self.connect(),
            Output::Disconnect => {
                // Signals of this connection that are still queued are ignored from now on.
                self.generation += 1;
                self.connection = None;
                self.fences.disconnected();
                // Commands in progress would keep the connection open.
                self.tasks.abort_all();
                if let Some(cause) = self.link.cause() {
                    self.is_lost = true;
                    let silent = matches!(cause, Cause::LeaseExpired | Cause::Timeout(_));
                    self.transport.disconnect(silent.then_some(cause));
                } else {
                    self.transport.ends_events();
                }
            }
            Output::Subscribe(id) => self.send(&[id], Connection::subscribe),
            Output::Unsubscribe(id) => self.send(&[id], Connection::unsubscribe),
            Output::SendCanary(number) => self.send_canary(number),
            Output::Lease { until } => {
                if let Some(proven) = self.link.proven() {
                    self.fences.came_back(proven.canary);
                }
                let sent_at = until.saturating_sub(self.lease.length());
                let took = self.now.saturating_sub(sent_at);
                self.lease.counters().canary_took(took);
                let until = self.lease.at(until);
                self.lease.renew(until);
                if self.is_node {
                    let length = self.lease.length();
                    for (channel, heard) in self.channels.values() {
                        channel.health().renew(*heard, until, length);
                    }
                }
            }
            Output::Flush(id, audience, cause) => {
                if let Some((channel, _)) = self.channels.get(&id) {
                    if audience != Audience::Inline {
                        debug!(channel = %channel.name(), "flush: events may have been lost");
                    }
                    channel.flush(audience, cause);
                }
            }
            Output::ChannelHealth(id, health) => {
                if let Some((channel, heard)) = self.channels.get(&id) {
                    log_health(channel.name(), &health);
                    channel.health().report(*heard, &health);
                }
            }
            Output::LinkHealth(health) => {
                if let Health::Down(cause) = &health
                    && self.health.get().is_live()
                {
                    self.lease.counters().lost(cause);
                }
                self.health.report(self.wanted, &health);
            }
        }
    }

    fn connect(&mut self) {
        self.connection = None;
        self.generation += 1;
        let generation = self.generation;
        let inbox = Arc::clone(&self.inbox);
        let feed = Arc::new(move |wire| {
            inbox.push(Signal::Wire(generation, wire));
        });
        match self.transport.connect(feed) {
            // At once, because messages may already wait in the inbox.
            Answer::Now(result) => {
                let input = self.connected(result);
                self.link.handle(self.now, input);
            }
            Answer::Later(attempt) => {
                let inbox = Arc::clone(&self.inbox);
                self.tasks.spawn(self.driver.track(async move {
                    let result = attempt.await;
                    inbox.push(Signal::Connected(generation, result));
                }));
            }
        }
    }

    fn connected(&mut self, result: Result<Connection, Cause>) -> Input {
        match result {
            Ok(connection) => {
                let server = connection.server().clone();
                self.lease.counters().told(&server.role);
                if std::mem::take(&mut self.is_lost) {
                    self.lease.counters().reconnected();
                }
                self.transport.reachable();
                self.connection = Some(connection);
                Input::Connected(server)
            }
            Err(cause) => {
                self.lease.counters().failed(&cause);
                Input::Disconnected(cause)
            }
        }
    }

    /// Sends a command for some channels, on the connection for events.
    fn send(&mut self, ids: &[ChannelId], command: Command) {
        let mut names: Vec<_> = ids.iter().filter_map(|id| self.name(*id)).collect();
        if ids.contains(&ChannelId::CANARY) {
            // In front, so that it is subscribed when the canary is.
            names.insert(0, Arc::clone(&self.fence));
        }
        let Some(connection) = &self.connection else {
            return;
        };
        if names.is_empty() {
            return;
        }
        let generation = self.generation;
        match command(connection, &names) {
            Answer::Now(statuses) => {
                for status in statuses {
                    if let Some(input) = self.status(status) {
                        self.link.handle(self.now, input);
                    }
                }
            }
            Answer::Later(answer) => {
                let inbox = Arc::clone(&self.inbox);
                self.tasks.spawn(self.driver.track(async move {
                    for status in answer.await {
                        inbox.push(Signal::Wire(generation, Wire::Status(status)));
                    }
                }));
            }
        }
    }

    fn name(&self, id: ChannelId) -> Option<Arc<str>> {
        match self.channels.get(&id) {
            Some((channel, _)) => Some(Arc::clone(channel.name())),
            None => (id == ChannelId::CANARY).then(|| Arc::clone(&self.canary)),
        }
    }
}

/// Reports every channel as down if the task ends although the inbox is open.
impl Drop for Supervisor {
    fn drop(&mut self) {
        // Closing has already set every health.
        if self.inbox.is_closed() {
            return;
        }
        let down = Health::Down(Cause::Stopped);
        self.health.set(&down);
        // Not of a channel that another link serves by now.
        for (channel, wanted) in self.channels.values() {
            channel.health().report(*wanted, &down);
            channel.flush(Audience::Everyone, FlushCause::Down);
        }
        error!("the task that receives events has ended: no channel is live any more");
    }
}

fn log_health(channel: &str, health: &Health) {
    match health {
        Health::Live | Health::LiveAmongInstances => info!(channel, "live"),
        Health::Down(cause) => {
            warn!(channel, %cause, "down: events may be lost until the channel is live again, and a flush follows");
        }
        Health::Idle | Health::Connecting | Health::Closed => debug!(channel, %health),
    }
}
