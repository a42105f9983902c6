//! A simulated network with simulated servers, in place of Redis: for `--cfg simulation`.
//!
//! The client of an instance keeps to the rules of `redis`: which connections it has, when it opens and
//! drops them, what it sends again, and that only a primary may answer.

mod cluster;
mod execution;
mod faults;
mod network;
mod request;
mod server;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};

pub(crate) use cluster::Cluster;
use network::Wires;
pub use network::{Direction, Network};
use request::{Entry, Reply, Request};

use super::Store;
use super::instances::{Fenced, Instances, Listing};
use super::wire::{Canary, CanaryAnswer, Feed, Published, Status, Wire};
use crate::health::Cause;
use crate::remedy::Remedy;
use crate::server_info::{Identity, Role, ServerInfo};
use crate::sync::Mutex;

/// What takes too long, if it is not connecting.
const COMMAND: &str = "a command";

/// How long an instance waits for the network.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To connect.
    pub connect: Duration,
    /// For the answer to a request.
    pub response: Duration,
}

/// The connections of an instance.
pub(crate) struct Client {
    network: Network,
    host: usize,
    /// The server; `None` for the one that the address leads to.
    server: Option<usize>,
    limits: Limits,
    state: Mutex<State>,
    /// Held while the connection for commands is opened.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    commands: Option<Open>,
    feed: Option<Feed>,
    /// The server that the connection for events was opened to.
    expected: Option<Identity>,
    is_closed: bool,
}

/// An open connection for commands.
#[derive(Clone)]
struct Open {
    socket: Arc<Socket>,
    identity: Option<Identity>,
}

/// Closes its connection when it is dropped.
struct Socket {
    wires: Arc<Wires>,
    number: usize,
}

/// A connection for events.
pub(crate) struct Subscriber {
    socket: Arc<Socket>,
    server: ServerInfo,
    limit: Duration,
}

impl Network {
    /// The connections of one more instance. Its host is the number of instances before it.
    pub(crate) fn client(&self, limits: Limits) -> Client {
        Client::new(self, self.with(network::State::add_host), None, limits)
    }
}

impl Client {
    fn new(network: &Network, host: usize, server: Option<usize>, limits: Limits) -> Self {
        Self {
            network: network.clone(),
            host,
            server,
            limits,
            state: Mutex::default(),
            opening: tokio::sync::Mutex::new(()),
        }
    }

    pub(crate) fn another_instance(&self) -> Self {
        self.network.client(self.limits)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.network.0.store
    }

    pub(crate) fn attach(&self, feed: Feed) {
        self.state.lock().feed = Some(feed);
    }

    pub(crate) async fn subscriber(&self, feed: Feed) -> Result<Subscriber, Cause> {
        let (socket, server) = self.open(Some(feed)).await?;
        self.state.lock().expected = server.identity;
        Ok(Subscriber {
            socket,
            server,
            limit: self.limits.response,
        })
    }

    async fn open(&self, feed: Option<Feed>) -> Result<(Arc<Socket>, ServerInfo), Cause> {
        let Some(number) = self
            .network
            .with(|state| state.open(self.host, self.server, feed))
        else {
            sleep(Duration::from_millis(1)).await;
            return Err(Cause::Unreachable("connection refused".into()));
        };
        let socket = Arc::new(Socket {
            wires: Arc::clone(&self.network.0),
            number,
        });
        let server = socket.greet(self.limits.connect, "connecting").await?;
        Ok((socket, server))
    }

    async fn connection(&self) -> Result<Open, Cause> {
        let _turn = self.opening.lock().await;
        {
            let state = self.state.lock();
            if state.is_closed {
                return Err(Cause::Closed);
            }
            if let Some(open) = &state.commands {
                return Ok(open.clone());
            }
        }
        let (socket, server) = self.open(None).await?;
        let open = Open {
            socket,
            identity: server.identity,
        };
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Cause::Closed);
        }
        state.commands = Some(open.clone());
        drop(state);
        Ok(open)
    }

    /// Sends a request on the connection for commands; once more on a new one if the server was the wrong
    /// one, or if the connection has ended and the request may be carried out `twice`. Returns the number
    /// of the connection too.
    async fn run(
        &self,
        twice: bool,
        request: impl Fn() -> Request,
    ) -> Result<(Reply, usize), Cause> {
        let mut is_last = false;
        loop {
            let open = self.connection().await?;
            let number = open.socket.number;
            let is_another = {
                let expected = self.state.lock().expected;
                expected.is_some() && expected != open.identity && Remedy::Identity.applies()
            };
            let wrong = if is_another {
                Cause::AnotherServer
            } else {
                let asking = open.socket.ask(request(), self.limits.response, COMMAND);
                match asking.await {
                    Ok(Reply::Moved) => return Err(moved()),
                    Ok(Reply::NotPrimary) => Cause::NotPrimary("replica".into()),
                    Ok(reply) => return Ok((reply, number)),
                    Err(cause) => {
                        self.failed(number);
                        if is_last || !twice || cause != Cause::Disconnected {
                            return Err(cause);
                        }
                        is_last = true;
                        continue;
                    }
                }
            };
            if self.failed(number) {
                self.leave(&wrong);
            }
            if is_last {
                return Err(wrong);
            }
            is_last = true;
        }
    }

    /// Drops a connection that has failed; whether it was still the present one.
    fn failed(&self, number: usize) -> bool {
        let mut state = self.state.lock();
        let failed = state.commands.take_if(|open| open.socket.number == number);
        drop(state);
        failed.is_some()
    }

    /// Drops every connection, because the server is the wrong one.
    fn leave(&self, cause: &Cause) {
        let feed = {
            let mut state = self.state.lock();
            state.expected = None;
            state.feed.clone()
        };
        if let Some(feed) = feed {
            feed(Wire::Status(Status::Disconnected(cause.clone())));
        }
    }

    pub(crate) fn disconnect(&self) {
        let mut state = self.state.lock();
        state.expected = None;
        let commands = state.commands.take();
        drop(state);
        drop(commands);
    }

    pub(crate) fn ends_events(&self) {
        self.state.lock().expected = None;
    }

    pub(crate) async fn check(&self) -> Result<(), Cause> {
        self.connection().await.map(drop)
    }

    pub(crate) async fn ask(&self) -> Result<(), Cause> {
        match self.run(true, || Request::Hello).await? {
            (Reply::Server(server), _) => match server.role {
                Role::Primary => Ok(()),
                Role::Other(role) => Err(Cause::NotPrimary(role)),
            },
            _ => Err(unexpected()),
        }
    }

    pub(crate) async fn publish(&self, channel: &str, payload: &[u8]) -> Result<Published, Cause> {
        let (channel, payload): (Arc<str>, Arc<[u8]>) = (channel.into(), payload.into());
        let request = || Request::Publish {
            channel: Arc::clone(&channel),
            payload: Arc::clone(&payload),
        };
        match self.run(true, request).await? {
            (Reply::Published(receivers), _) => Ok(Published {
                receivers: Ok(receivers),
                deleted: Ok(()),
            }),
            _ => Err(unexpected()),
        }
    }

    pub(crate) async fn publish_canary(&self, canary: Canary<'_>) -> Result<CanaryAnswer, Cause> {
        let (channel, payload): (Arc<str>, Arc<[u8]>) =
            (canary.channel.into(), canary.payload.into());
        let listing = canary.listing;
        let listing = listing.map(|(listing, proven)| (Entry::new(listing), proven));
        let request = || Request::Canary {
            channel: Arc::clone(&channel),
            payload: Arc::clone(&payload),
            listing: listing.clone(),
        };
        match self.run(false, request).await? {
            (Reply::Canary { server, listed }, number) => Ok(CanaryAnswer {
                server,
                connection: number as u64,
                listed,
            }),
            _ => Err(unexpected()),
        }
    }

    pub(crate) async fn publish_fence(
        &self,
        channel: &str,
        payload: Vec<u8>,
    ) -> Result<Fenced, Cause> {
        let (channel, payload): (Arc<str>, Arc<[u8]>) = (channel.into(), payload.into());
        let request = || Request::Fence {
            channel: Arc::clone(&channel),
            payload: Arc::clone(&payload),
        };
        match self.run(true, request).await? {
            (Reply::Fenced(fenced), _) => Ok(fenced),
            _ => Err(unexpected()),
        }
    }

    pub(crate) async fn instances(&self) -> Result<Option<Instances>, Cause> {
        match self.run(true, || Request::Instances).await? {
            (Reply::Instances(instances), _) => Ok(Some(instances)),
            _ => Err(unexpected()),
        }
    }

    pub(crate) async fn unlist(&self, listing: &Listing) -> Result<(), Cause> {
        self.run(true, || Request::Unlist(listing.id))
            .await
            .map(drop)
    }

    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.disconnect();
    }
}

impl Subscriber {
    pub(crate) fn server(&self) -> &ServerInfo {
        &self.server
    }

    pub(crate) fn ask(&self) -> BoxFuture<'static, Result<ServerInfo, Cause>> {
        let (socket, limit) = (Arc::clone(&self.socket), self.limit);
        Box::pin(async move { socket.greet(limit, COMMAND).await })
    }

    pub(crate) fn subscribe(&self, channels: &[Arc<str>]) -> BoxFuture<'static, Vec<Status>> {
        self.command(Request::Subscribe(channels.to_vec()))
    }

    pub(crate) fn unsubscribe(&self, channels: &[Arc<str>]) -> BoxFuture<'static, Vec<Status>> {
        self.command(Request::Unsubscribe(channels.to_vec()))
    }

    /// Confirmations are pushed. The future returns only failures.
    fn command(&self, request: Request) -> BoxFuture<'static, Vec<Status>> {
        let (socket, limit) = (Arc::clone(&self.socket), self.limit);
        Box::pin(async move {
            let failed = socket.ask(request, limit, COMMAND).await.err();
            failed.map(Status::Disconnected).into_iter().collect()
        })
    }
}

impl Socket {
    /// Sends a request, and waits for so long. `what` is the name of what takes too long.
    async fn ask(&self, request: Request, limit: Duration, what: &str) -> Result<Reply, Cause> {
        let asked = timeout(limit, self.wires.ask(self.number, request)).await;
        let answer = asked.map_err(|_| Cause::Timeout(what.into()))?;
        answer.ok_or(Cause::Disconnected)
    }

    async fn greet(&self, limit: Duration, what: &str) -> Result<ServerInfo, Cause> {
        match self.ask(Request::Hello, limit, what).await? {
            Reply::Server(server) => Ok(server),
            _ => Err(unexpected()),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.wires.close(self.number);
    }
}

fn moved() -> Cause {
    Cause::Moved("the slot".into())
}

fn unexpected() -> Cause {
    Cause::Server("an answer to another request".into())
}
