//! The simulated network: what is on its way, and what becomes of it.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::request::{Reply, Request};
use super::server::Server;
use crate::health::Cause;
use crate::simulation::random::below;
use crate::simulation::time::elapsed;
use crate::sync::Mutex;
use crate::transport::Store;
use crate::transport::wire::{Feed, Status, Wire};

/// Servers, hosts of instances, and the connections between them.
#[derive(Clone)]
pub struct Network(pub(super) Arc<Wires>);

pub(super) struct Wires {
    state: Mutex<State>,
    /// Something arrives earlier than what the driver waits for.
    news: Notify,
    /// Keys and values, which no fault concerns.
    pub(super) store: Store,
}

#[derive(Default)]
pub(super) struct State {
    queue: BinaryHeap<Travelling>,
    numbers: u64,
    connections: Vec<Connection>,
    pub(super) servers: Vec<Server>,
    /// The server that the address leads to.
    pub(super) address: usize,
    pub(super) is_cluster: bool,
    /// Nothing gets from the primary to its replicas.
    pub(super) is_split: bool,
    hosts: Vec<Host>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// The machine of an instance.
struct Host {
    is_held: [bool; 2],
    /// How many faults keep messages of channels from reaching it, while answers do.
    deaf: u32,
    latency: Duration,
}

/// The direction of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To the server.
    Up,
    /// To the instance.
    Down,
}

/// A connection of an instance to a server. Each direction keeps its order.
struct Connection {
    host: usize,
    server: usize,
    /// What takes the messages of a connection for events.
    feed: Option<Feed>,
    pipes: [Pipe; 2],
    /// Whether it is open at the end that each direction leads to.
    is_open: [bool; 2],
    /// What has reached an end that is closed.
    lost: Vec<Message>,
}

#[derive(Default)]
struct Pipe {
    latest: Duration,
    held: VecDeque<Message>,
}

/// What goes over a connection, or between two servers.
pub(super) enum Message {
    Request(Request, oneshot::Sender<Reply>),
    Reply(oneshot::Sender<Reply>, Reply),
    Push(Wire),
    /// The instance has closed the connection.
    End,
}

/// Changes a server. Returns what it pushes over which connections.
type Change = dyn FnOnce(&mut Server) -> Vec<(usize, Wire)> + Send;

struct Travelling {
    at: Duration,
    number: u64,
    what: Carried,
}

enum Carried {
    Message {
        connection: usize,
        direction: Direction,
        message: Message,
    },
    Change {
        server: usize,
        /// A primary does not take it.
        replicates: bool,
        change: Box<Change>,
    },
}

impl Network {
    /// A network with servers, of which the first is the primary of the others.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        let servers = (0..servers)
            .map(|number| Server::new(number == 0))
            .collect();
        let state = State {
            servers,
            ..State::default()
        };
        Self(Arc::new(Wires {
            state: Mutex::new(state),
            news: Notify::new(),
            store: Store::default(),
        }))
    }

    /// Carries messages until it is dropped.
    pub async fn carry(self) {
        loop {
            // Few at a time, so that instances react in between; now and then more than an inbox holds.
            let most = if below(8) == 0 { 500 } else { 1 + below(4) };
            let (next, now) = (self.0.state.lock().arrive_some(most), elapsed());
            match next {
                Some(at) if at <= now => yield_now().await,
                Some(at) => {
                    let _ = timeout(at - now, self.0.news.notified()).await;
                }
                None => self.0.news.notified().await,
            }
        }
    }

    /// How much longer everything takes from and to a host.
    pub fn delay(&self, host: usize, by: Duration) {
        self.with(|state| state.hosts[host].latency = by);
    }

    /// Holds what is sent from or to a host, until it is [released](Self::release).
    pub fn hold(&self, host: usize, direction: Direction) {
        self.with(|state| state.hosts[host].is_held[direction as usize] = true);
    }

    /// Lets everything arrive that was held.
    pub fn release(&self, host: usize, direction: Direction) {
        self.with(|state| {
            state.hosts[host].is_held[direction as usize] = false;
            state.deliver_held();
        });
    }

    /// Loses the messages of channels on their way to a host, while answers arrive, until there were as
    /// many calls of [`hear`](Self::hear).
    pub fn deafen(&self, host: usize) {
        self.with(|state| state.hosts[host].deaf += 1);
    }

    /// Ends one [`deafen`](Self::deafen).
    pub fn hear(&self, host: usize) {
        self.with(|state| state.hosts[host].deaf -= 1);
    }

    /// Ends the connections of a host. What is on its way is lost.
    pub fn cut(&self, host: usize) {
        self.with(|state| {
            let all = state.of(|connection| connection.host == host);
            for connection in all {
                state.reset(connection);
            }
        });
    }

    /// Makes the server forget the connections of a host, which does not hear of it.
    pub fn forget(&self, host: usize) {
        self.with(|state| {
            let all = state.of(|connection| connection.host == host);
            for number in all {
                state.end_at_server(number);
            }
        });
    }

    /// Changes the state, and tells the driver.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.0.with(change)
    }
}

impl Wires {
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let before = state.next();
        let changed = change(&mut state);
        let is_news = state
            .next()
            .is_some_and(|at| before.is_none_or(|before| at < before));
        drop(state);
        if is_news {
            self.news.notify_one();
        }
        changed
    }

    /// Sends a request. `None` if the connection ends before it is answered.
    pub(super) async fn ask(&self, connection: usize, request: Request) -> Option<Reply> {
        let (sender, receiver) = oneshot::channel();
        let message = Message::Request(request, sender);
        self.with(|state| state.send(connection, Direction::Up, message));
        receiver.await.ok()
    }

    /// Closes a connection at the end of the instance.
    pub(super) fn close(&self, connection: usize) {
        let feed = self.with(|state| {
            state.send(connection, Direction::Up, Message::End);
            let connection = &mut state.connections[connection];
            connection.is_open[Direction::Down as usize] = false;
            connection.feed.take()
        });
        // Without the lock, because with it more connections may be dropped.
        drop(feed);
    }
}

impl State {
    pub(super) fn add_host(&mut self) -> usize {
        self.hosts.push(Host {
            is_held: [false; 2],
            deaf: 0,
            latency: Duration::ZERO,
        });
        self.hosts.len() - 1
    }

    /// Opens a connection to a server, or to where the address leads. `None` if nothing listens there.
    pub(super) fn open(
        &mut self,
        host: usize,
        server: Option<usize>,
        feed: Option<Feed>,
    ) -> Option<usize> {
        let server = server.unwrap_or(self.address);
        if self.servers[server].is_down {
            return None;
        }
        self.connections.push(Connection {
            host,
            server,
            feed,
            pipes: Default::default(),
            is_open: [true; 2],
            lost: Vec::new(),
        });
        Some(self.connections.len() - 1)
    }

    fn of(&self, chosen: impl Fn(&Connection) -> bool) -> Vec<usize> {
        let all = self.connections.iter().enumerate();
        let chosen = all.filter(|(_, connection)| chosen(connection));
        chosen.map(|(number, _)| number).collect()
    }

    fn next(&self) -> Option<Duration> {
        self.queue.peek().map(|next| next.at)
    }

    fn send(&mut self, number: usize, direction: Direction, message: Message) {
        let connection = &mut self.connections[number];
        let latency = self.hosts[connection.host].latency + Duration::from_millis(below(3));
        let pipe = &mut connection.pipes[direction as usize];
        let at = pipe.latest.max(elapsed() + latency);
        pipe.latest = at;
        let what = Carried::Message {
            connection: number,
            direction,
            message,
        };
        self.push(at, what);
    }

    fn push(&mut self, at: Duration, what: Carried) {
        self.numbers += 1;
        let number = self.numbers;
        self.queue.push(Travelling { at, number, what });
    }

    /// Tells a server of a cluster something, after some time.
    pub(super) fn tell(
        &mut self,
        server: usize,
        change: impl FnOnce(&mut Server) + Send + 'static,
    ) {
        let at = elapsed() + Duration::from_millis(below(50));
        let change = |server: &mut Server| {
            change(server);
            Vec::new()
        };
        let what = Carried::Change {
            server,
            replicates: false,
            change: Box::new(change),
        };
        self.push(at, what);
    }

    /// Changes a replica, after some time.
    pub(super) fn replicate(
        &mut self,
        replica: usize,
        change: impl FnOnce(&mut Server) -> Vec<(usize, Wire)> + Send + 'static,
    ) {
        if self.is_split {
            return;
        }
        let server = &mut self.servers[replica];
        let at = elapsed() + Duration::from_millis(below(20));
        let at = server.replicated.max(at);
        server.replicated = at;
        let what = Carried::Change {
            server: replica,
            replicates: true,
            change: Box::new(change),
        };
        self.push(at, what);
    }

    /// Lets up to `most` messages arrive that are due. Returns when the next one is.
    fn arrive_some(&mut self, most: u64) -> Option<Duration> {
        let now = elapsed();
        for _ in 0..most {
            if self.next()? > now {
                break;
            }
            self.arrive();
        }
        self.next()
    }

    /// The next message arrives.
    fn arrive(&mut self) {
        let Some(next) = self.queue.pop() else { return };
        match next.what {
            Carried::Message {
                connection,
                direction,
                message,
            } => self.reach(connection, direction, message),
            Carried::Change {
                server,
                replicates,
                change,
            } => {
                let server = &mut self.servers[server];
                if !replicates || !server.is_primary && !server.is_down {
                    let pushed = change(server);
                    self.push_all(pushed);
                }
            }
        }
    }

    /// A message reaches the end of its connection, unless that is held.
    fn reach(&mut self, number: usize, direction: Direction, message: Message) {
        let connection = &mut self.connections[number];
        let is_frozen = direction == Direction::Up && self.servers[connection.server].is_frozen;
        let is_held = self.hosts[connection.host].is_held[direction as usize];
        let held = &mut connection.pipes[direction as usize].held;
        if is_frozen || is_held || !held.is_empty() {
            return held.push_back(message);
        }
        self.handle(number, direction, message);
    }

    /// Handles what was held, where nothing holds it any more.
    pub(super) fn deliver_held(&mut self) {
        for number in 0..self.connections.len() {
            for direction in [Direction::Up, Direction::Down] {
                let connection = &mut self.connections[number];
                let held = std::mem::take(&mut connection.pipes[direction as usize].held);
                for message in held {
                    self.reach(number, direction, message);
                }
            }
        }
    }

    fn handle(&mut self, number: usize, direction: Direction, message: Message) {
        let connection = &mut self.connections[number];
        if !connection.is_open[direction as usize] {
            // Who waits for an answer does not learn of it.
            return connection.lost.push(message);
        }
        match message {
            Message::Request(request, sender) => {
                let server = connection.server;
                let reply = self.execute(number, server, request);
                self.send(number, Direction::Down, Message::Reply(sender, reply));
            }
            // The caller may have given up.
            Message::Reply(sender, reply) => drop(sender.send(reply)),
            Message::Push(Wire::Message { .. }) if self.hosts[connection.host].deaf > 0 => {}
            Message::Push(wire) => {
                if let Some(feed) = &connection.feed {
                    feed(wire);
                }
            }
            Message::End => self.end_at_server(number),
        }
    }

    pub(super) fn push_all(&mut self, pushed: Vec<(usize, Wire)>) {
        for (connection, wire) in pushed {
            self.send(connection, Direction::Down, Message::Push(wire));
        }
    }

    /// Ends a connection at both ends, at once.
    pub(super) fn reset(&mut self, number: usize) {
        self.end_at_server(number);
        let connection = &mut self.connections[number];
        connection.pipes = Default::default();
        connection.lost.clear();
        if std::mem::take(&mut connection.is_open[Direction::Down as usize])
            && let Some(feed) = &connection.feed
        {
            feed(Wire::Status(Status::Disconnected(Cause::Disconnected)));
        }
        // What is on its way finds no connection, and who waits for an answer learns of it.
        let queue = std::mem::take(&mut self.queue);
        self.queue = queue
            .into_iter()
            .filter(|next| !next.is_of(number))
            .collect();
    }

    /// Ends the connections to a server.
    pub(super) fn reset_all(&mut self, server: usize) {
        for number in self.of(|connection| connection.server == server) {
            self.reset(number);
        }
    }

    fn end_at_server(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        if std::mem::take(&mut connection.is_open[Direction::Up as usize]) {
            self.servers[connection.server].forget(number);
        }
    }
}

impl Travelling {
    fn is_of(&self, connection: usize) -> bool {
        matches!(self.what, Carried::Message { connection: of, .. } if of == connection)
    }
}

/// The earliest is the greatest.
impl Ord for Travelling {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Travelling {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Travelling {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Travelling {}
