//! A server: its address, the connections for commands, and new ones for events.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join, try_join};
use redis::{FromRedisValue, ParsingError, RedisResult, Value};
use tokio::task::AbortHandle;

use super::commands::{Again, Commands, Work};
use super::endpoint::Endpoint;
use super::epochs::Epochs;
use super::failure::{About, Failures, another_server};
use super::open::Open;
use super::pipeline::deletions;
use super::primary::Primary;
use super::request::Request;
use super::server_info;
use super::slots::{Slots, View};
use super::subscriber::Subscriber;
use super::target::Target;
use super::watch::watch;
use crate::health::Cause;
use crate::io_thread;
use crate::server_info::{Identity, Role, ServerInfo};
use crate::settings::Settings;
use crate::sync::Mutex;
use crate::transport::wire::{Feed, Status, Wire};

/// The least time between two ends of the connection for events because of answers to commands.
const LEAVE_EVERY: Duration = Duration::from_secs(1);

/// A Redis server, as one instance uses it.
pub(crate) struct Redis {
    pub(super) endpoint: Arc<Endpoint>,
    /// For events and canaries.
    pub(super) publishing: Commands,
    /// For keys and values, so that a large value does not delay an event.
    values: Commands,
    pub(super) epochs: Epochs,
    /// The server that the connection for events was opened to. The others must lead there too.
    server: Expected,
    /// When the server was last left because it was the wrong one.
    left: Mutex<Option<Instant>>,
    /// Is told when the server turns out to be the wrong one.
    feed: Mutex<Option<Feed>>,
    /// Ends the watch over the Sentinels.
    watch: Option<AbortHandle>,
    lease: Duration,
}

impl Redis {
    pub(crate) fn new(target: &Target, settings: &Settings) -> Result<Arc<Self>, Cause> {
        Ok(Self::at(Endpoint::new(target, settings, false)?, settings))
    }

    /// The server, or a node of a cluster, at an endpoint.
    pub(super) fn at(endpoint: Endpoint, settings: &Settings) -> Arc<Self> {
        let (endpoint, pause) = (Arc::new(endpoint), settings.backoff_min);
        Arc::new_cyclic(|this| Self {
            publishing: Commands::new("publish", Arc::clone(&endpoint), pause),
            values: Commands::new("values", Arc::clone(&endpoint), pause),
            watch: follow_sentinels(this.clone(), &endpoint, settings),
            lease: settings.lease,
            endpoint,
            epochs: Epochs::default(),
            server: Expected::default(),
            left: Mutex::default(),
            feed: Mutex::default(),
        })
    }

    /// The same server, with connections of its own.
    pub(crate) fn another_instance(&self, settings: &Settings) -> Arc<Self> {
        Self::at(self.endpoint.another(), settings)
    }

    /// Where the keys are: the address without its credentials, and the database.
    pub(crate) fn store(&self) -> String {
        self.endpoint.store()
    }

    /// The address without its credentials.
    pub(crate) fn address(&self) -> &str {
        &self.endpoint.failures.address
    }

    /// The feed is told when a server answers that it is the wrong one. It replaces an earlier one.
    pub(crate) fn attach(&self, feed: Feed) {
        *self.feed.lock() = Some(feed);
    }

    pub(crate) async fn subscriber(&self, feed: Feed) -> Result<Subscriber, Cause> {
        self.after_fail_over().await;
        let opened = Subscriber::open(&self.endpoint, feed).await;
        let subscriber = opened.inspect_err(|_| self.endpoint.may_have_moved())?;
        self.server.set(subscriber.server().identity);
        Ok(subscriber)
    }

    /// After a fail-over, another instance may publish on the old primary for as long as it has not
    /// noticed. What this one caches meanwhile would never be evicted, so it is not live so soon.
    async fn after_fail_over(&self) {
        let sentinels = self.endpoint.primary.sentinels();
        let Some(changed) = sentinels.and_then(|sentinels| sentinels.changed()) else {
            return;
        };
        io_thread::sleep(self.lease.saturating_sub(changed.elapsed())).await;
    }

    pub(crate) async fn check(&self) -> Result<(), Cause> {
        self.publishing.check().await
    }

    /// Whether the node keeps subscriptions after it has lost the slot of their channel.
    pub(crate) fn is_broadcast(&self) -> bool {
        let failures = &self.endpoint.failures;
        failures.is_cluster() && !failures.is_sharded()
    }

    /// Whether the last attempt to use a connection for commands has failed.
    pub(crate) fn is_away(&self) -> bool {
        self.publishing.is_away() || self.values.is_away()
    }

    /// Whether a connection for commands was asked for.
    pub(super) fn is_used(&self) -> bool {
        self.publishing.is_used() || self.values.is_used()
    }

    /// What the node says of the slots of its cluster.
    pub(super) async fn view(&self) -> Result<View, Cause> {
        let asked = self.run(&self.publishing, Again::Yes, About::Server, &Slots);
        let answers = asked.await?;
        Ok(View::parse(answers, self.endpoint.host()))
    }

    /// Deletes keys of a node of a cluster.
    pub(super) async fn delete(&self, keys: &[String]) -> Result<(), Cause> {
        let cluster = self.endpoint.failures.is_cluster();
        for (key, command) in deletions(keys, cluster) {
            let request = Request::Command(command);
            // Deleting twice costs a load at most.
            let deleted: u64 = self.request(&request, Again::Yes, key).await?;
            let _ = deleted;
        }
        Ok(())
    }

    /// Asks the server whether it is a primary, on every connection for commands that is in use.
    pub(crate) async fn ask(&self) -> Result<(), Cause> {
        let question = Question(&self.endpoint.failures);
        let asked = async |commands: &Commands| {
            let asking = self.run(commands, Again::Yes, About::Server, &question);
            match asking.await?.role {
                Role::Primary => Ok(()),
                Role::Other(role) => Err(Cause::NotPrimary(role)),
            }
        };
        let values = async {
            if self.values.is_used() {
                asked(&self.values).await?;
            }
            Ok(())
        };
        try_join(asked(&self.publishing), values).await.map(drop)
    }

    /// Sends a request that concerns a key, and returns what it is answered with.
    pub(crate) async fn request<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        again: Again,
        key: &str,
    ) -> Result<T, Cause> {
        self.send(&self.values, request, again, About::Key(key))
            .await
    }

    /// Sends a request that depends on the epoch of the store; returns the epoch as well. See
    /// [`Epochs`].
    pub(crate) async fn request_in_epoch<T: FromRedisValue>(
        &self,
        generation: &str,
        request: &Request<'_>,
        again: Again,
        key: &str,
    ) -> Result<(T, String), Cause> {
        let about = About::Key(key);
        let work = InEpoch {
            epochs: &self.epochs,
            generation,
            request,
        };
        let (answer, epoch) = self.run(&self.values, again, about, &work).await?;
        Ok((self.read(answer, about)?, epoch))
    }

    /// Does some work on the connection for keys and values.
    pub(super) async fn on_values<W: Work>(
        &self,
        again: Again,
        key: &str,
        work: &W,
    ) -> Result<W::Answer, Cause> {
        self.run(&self.values, again, About::Key(key), work).await
    }

    pub(super) async fn send<T: FromRedisValue>(
        &self,
        commands: &Commands,
        request: &Request<'_>,
        again: Again,
        about: About<'_>,
    ) -> Result<T, Cause> {
        let answer = self.run(commands, again, about, request).await?;
        self.read(answer, about)
    }

    pub(super) fn read<T: FromRedisValue>(
        &self,
        answer: Value,
        about: About<'_>,
    ) -> Result<T, Cause> {
        let unexpected = |error: ParsingError| self.endpoint.failures.about(&error.into(), about);
        T::from_redis_value(answer).map_err(unexpected)
    }

    pub(super) async fn run<W: Work>(
        &self,
        commands: &Commands,
        again: Again,
        about: About<'_>,
        work: &W,
    ) -> Result<W::Answer, Cause> {
        let mut first = true;
        loop {
            let work = OnServer {
                server: &self.server,
                primary: &self.endpoint.primary,
                work,
            };
            let failed = match commands.run(again, &work).await? {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let cause = self.endpoint.failures.about(&failed.error, about);
            let Some(is_news) = failed.wrong_server else {
                return Err(cause);
            };
            // Later answers of a connection that was left already say nothing of its successor.
            if is_news {
                self.leave(&cause);
            }
            // The command was not carried out, and the address may lead to another server by now.
            if !std::mem::take(&mut first) {
                return Err(cause);
            }
        }
    }

    /// Drops every connection, because the Sentinels name another primary.
    fn replaced(&self, by: &str) {
        let cause = Cause::Replaced(by.into());
        self.disconnect_commands(None);
        self.server.set(None);
        let feed = self.feed.lock().clone();
        if let Some(feed) = feed {
            feed(Wire::Status(Status::Disconnected(cause)));
        }
    }

    /// Drops every connection, because the server is the wrong one.
    fn leave(&self, cause: &Cause) {
        self.disconnect_commands(None);
        self.endpoint.may_have_moved();
        // A server that is loading, or a node of a cluster, goes on answering so: the connection for
        // events, which may be sound, is not ended over and over.
        let recently = {
            let mut left = self.left.lock();
            let recently = left.is_some_and(|left| left.elapsed() < LEAVE_EVERY);
            if !recently {
                *left = Some(Instant::now());
            }
            recently
        };
        let feed = self.feed.lock().clone();
        if let Some(feed) = feed
            && !recently
        {
            self.server.set(None);
            feed(Wire::Status(Status::Disconnected(cause.clone())));
        }
    }

    /// Drops the connections for commands, because the connection for events has ended. With a
    /// cause, the server counts as away until a connection succeeds.
    pub(crate) fn disconnect(&self, away: Option<&Cause>) {
        self.server.set(None);
        self.endpoint.may_have_moved();
        self.disconnect_commands(away);
    }

    /// The connection for events has ended, and none follows for now. Those for commands stay, and
    /// may be replaced by some to another server.
    pub(crate) fn ends_events(&self) {
        self.server.set(None);
    }

    fn disconnect_commands(&self, away: Option<&Cause>) {
        self.publishing.disconnect(away);
        self.values.disconnect(away);
    }

    /// Asks on every open connection for commands what the server is, except on that for publishing,
    /// where the canary asks.
    pub(crate) fn ask_others(&self) -> Vec<BoxFuture<'static, Option<(ServerInfo, u64)>>> {
        let values = self.values.open().map(|open| self.values.ask(open));
        let nearby = self.publishing.ask_nearby().into_iter();
        let nearby = nearby.chain(self.values.ask_nearby());
        values.into_iter().chain(nearby).collect()
    }

    /// Takes note that the server has just accepted a connection. If it counted as away, callers no
    /// longer wait for earlier attempts.
    pub(crate) fn reachable(&self) {
        self.publishing.reachable();
        self.values.reachable();
    }

    pub(crate) fn close(&self) {
        self.publishing.close();
        self.values.close();
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.close();
    }
}

/// Watches the Sentinels, if there are any, until it is aborted.
fn follow_sentinels(
    redis: Weak<Redis>,
    endpoint: &Endpoint,
    settings: &Settings,
) -> Option<AbortHandle> {
    let sentinels = Arc::clone(endpoint.primary.sentinels()?);
    let (heartbeat, limit) = (settings.heartbeat, settings.response_timeout);
    let watching = async move {
        let replaced = async {
            let mut known = 0;
            loop {
                let by;
                (known, by) = sentinels.replaced(known).await;
                let Some(redis) = redis.upgrade() else {
                    return;
                };
                redis.replaced(&by);
            }
        };
        join(replaced, watch(Arc::clone(&sentinels), heartbeat, limit)).await;
    };
    Some(io_thread::spawn(watching)?.abort_handle())
}

/// The server that every connection must lead to. Zero if that is unknown. Every request reads it, so
/// it is no lock.
#[derive(Default)]
struct Expected(AtomicU64);

impl Expected {
    fn set(&self, server: Option<Identity>) {
        let identity = server.map_or(0, |Identity(identity)| identity);
        self.0.store(identity, Ordering::Release);
    }

    fn is_another(&self, server: Option<Identity>) -> bool {
        let expected = self.0.load(Ordering::Acquire);
        expected != 0 && server.is_some_and(|Identity(found)| found != expected)
    }
}

/// Work that is not done on a connection that was opened to another server.
struct OnServer<'a, W> {
    server: &'a Expected,
    primary: &'a Primary,
    work: &'a W,
}

impl<W: Work> Work for OnServer<'_, W> {
    type Answer = W::Answer;

    async fn run(&self, open: &mut Open) -> RedisResult<Self::Answer> {
        if self.server.is_another(open.identity) || open.changes != self.primary.changes() {
            return Err(another_server());
        }
        self.work.run(open).await
    }
}

/// Asks for the server's role.
struct Question<'a>(&'a Failures);

impl Work for Question<'_> {
    type Answer = ServerInfo;

    async fn run(&self, open: &mut Open) -> RedisResult<ServerInfo> {
        let (server, []) = server_info::ask(&mut open.connection, self.0, []).await?;
        Ok(server)
    }
}

/// A request that depends on the epoch of the store.
struct InEpoch<'a> {
    epochs: &'a Epochs,
    generation: &'a str,
    request: &'a Request<'a>,
}

impl Work for InEpoch<'_> {
    type Answer = (Value, String);

    async fn run(&self, open: &mut Open) -> RedisResult<Self::Answer> {
        let epoch = self.epochs.of(self.generation, open).await?;
        let answer = self.request.send(open, Some(&epoch)).await?;
        Ok((answer, epoch))
    }
}
