//! The connection for events. It passes what the server pushes to the feed.

use std::io::{self, ErrorKind::TimedOut};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, Value};

use tokio_util::task::AbortOnDropHandle;

use super::endpoint::Endpoint;
use super::failure::{About, Failures};
use super::pipeline::pipeline;
use super::probe::{probe, probed};
use super::server_info;
use crate::health::Cause;
use crate::io_thread::timeout;
use crate::server_info::ServerInfo;
use crate::slot::slot_of;
use crate::transport::wire::{Feed, Status, Wire};

/// The most channels in one command. Commands stay small, and 50,000 channels need 50 of them.
const BATCH: usize = 1_000;

/// The most commands that wait for their answers at a time.
const IN_FLIGHT: usize = 4;

/// A longer message ends the connection. If payloads may be longer than half of this, only a message
/// of more than twice their length does. The client's buffer stays as large as the largest message
/// for as long as the connection lives.
const OVERSIZED: usize = 1024 * 1024;

/// How long a message has to be to end the connection, if payloads may be so long.
pub(crate) fn oversized(max_payload: usize) -> usize {
    OVERSIZED.max(max_payload.saturating_mul(2))
}

/// Dropping it closes the connection. redis-rs does not report that, and the link does not wait for
/// a report.
pub(crate) struct Subscriber {
    connection: MultiplexedConnection,
    server: ServerInfo,
    response_timeout: Duration,
    failures: Arc<Failures>,
    _renewal: Option<AbortOnDropHandle<()>>,
    endpoint: Arc<Endpoint>,
}

impl Subscriber {
    pub(super) async fn open(endpoint: &Arc<Endpoint>, feed: Feed) -> Result<Self, Cause> {
        let oversized = oversized(endpoint.max_payload);
        // This runs inside the client's driver, so it must not wait. A feed never waits.
        let receive = move |push: PushInfo| {
            if let Some(wire) = translate(push, oversized) {
                feed(wire);
            }
            Ok::<(), SendError>(())
        };
        let config = AsyncConnectionConfig::new().set_push_sender(receive);
        let opened = endpoint.open("events", config).await?;
        Ok(Self {
            connection: opened.connection,
            server: opened.server,
            _renewal: opened.renewal,
            response_timeout: endpoint.response_timeout,
            failures: Arc::clone(&endpoint.failures),
            endpoint: Arc::clone(endpoint),
        })
    }

    /// Confirmations are pushed, in order with the messages. The future returns only failures.
    pub(crate) fn subscribe(&self, channels: &[Arc<str>]) -> BoxFuture<'static, Vec<Status>> {
        if self.failures.is_sharded() {
            return self.sharded(Sharded::Subscribe, channels);
        }
        let limit = self.response_timeout;
        let (connection, failures) = (self.connection.clone(), Arc::clone(&self.failures));
        let batches: Vec<Vec<_>> = channels.chunks(BATCH).map(<[_]>::to_vec).collect();
        let endpoint = Arc::clone(&self.endpoint);
        Box::pin(async move {
            let (batches, refused) = if failures.is_cluster() {
                served(connection.clone(), limit, &endpoint, batches).await
            } else {
                (batches, Vec::new())
            };
            let all = stream::iter(batches).map(|batch| {
                let (connection, failures) = (connection.clone(), Arc::clone(&failures));
                subscribe_each(connection, limit, failures, batch)
            });
            let failed: Vec<_> = all.buffer_unordered(IN_FLIGHT).collect().await;
            failed.into_iter().flatten().chain(refused).collect()
        })
    }

    /// Ends subscriptions. As for [`subscribe`](Self::subscribe), the future returns only failures.
    pub(crate) fn unsubscribe(&self, channels: &[Arc<str>]) -> BoxFuture<'static, Vec<Status>> {
        if self.failures.is_sharded() {
            return self.sharded(Sharded::Unsubscribe, channels);
        }
        let (mut connection, limit) = (self.connection.clone(), self.response_timeout);
        let failures = Arc::clone(&self.failures);
        let channels = channels.to_vec();
        Box::pin(async move {
            for batch in channels.chunks(BATCH) {
                let names: Vec<&str> = batch.iter().map(|channel| &**channel).collect();
                if let Err(error) = within(limit, connection.unsubscribe(&names)).await {
                    // A connection that cannot end a subscription is of no use.
                    let cause = failures.about(&error, About::Channel(names[0]));
                    return vec![Status::Disconnected(cause)];
                }
            }
            Vec::new()
        })
    }

    /// Sends a command of sharded pub/sub for each channel, because one command may name channels of one
    /// slot only. The future returns only failures.
    fn sharded(&self, kind: Sharded, channels: &[Arc<str>]) -> BoxFuture<'static, Vec<Status>> {
        let (mut connection, limit) = (self.connection.clone(), self.response_timeout);
        let endpoint = Arc::clone(&self.endpoint);
        let channels = channels.to_vec();
        Box::pin(async move {
            let (failures, mut failed) = (&endpoint.failures, Vec::new());
            for batch in channels.chunks(BATCH) {
                let commands = batch.iter().map(|channel| {
                    let mut command = redis::cmd(match kind {
                        Sharded::Subscribe => "SSUBSCRIBE",
                        Sharded::Unsubscribe => "SUNSUBSCRIBE",
                    });
                    command.arg(&**channel);
                    command
                });
                let sent = pipeline(commands);
                let answered = within(limit, sent.query_async(&mut connection)).await;
                let answers: Vec<Value> = match answered {
                    Ok(answers) => answers,
                    Err(error) => {
                        failed.extend(failure(Err(error), &batch[0], failures));
                        break;
                    }
                };
                for (channel, answer) in batch.iter().zip(answers) {
                    match (kind, answer.extract_error()) {
                        (Sharded::Unsubscribe, Err(error)) => {
                            let cause = failures.about(&error, About::Channel(channel));
                            failed.push(Status::Disconnected(cause));
                        }
                        (_, answer) => failed.extend(failure(answer.map(drop), channel, failures)),
                    }
                }
            }
            if !failed.is_empty() {
                endpoint.may_have_moved();
            }
            failed
        })
    }

    /// The server's role and identity, as it answered when the connection was opened.
    pub(crate) fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// Asks the server for its role and identity.
    pub(crate) fn ask(&self) -> BoxFuture<'static, Result<ServerInfo, Cause>> {
        let (mut connection, limit) = (self.connection.clone(), self.response_timeout);
        let failures = Arc::clone(&self.failures);
        Box::pin(async move {
            let asking = server_info::ask(&mut connection, &failures, []);
            let asked = within(limit, asking).await;
            asked
                .map(|(server, [])| server)
                .map_err(|error| failures.cause(&error))
        })
    }
}

/// A command of sharded pub/sub.
#[derive(Clone, Copy)]
enum Sharded {
    Subscribe,
    /// A connection that cannot end a subscription is of no use.
    Unsubscribe,
}

/// The channels whose slots the node serves, because with plain pub/sub a node of a cluster accepts a
/// subscription of any channel; and the failures of the others.
async fn served(
    mut connection: MultiplexedConnection,
    limit: Duration,
    endpoint: &Endpoint,
    batches: Vec<Vec<Arc<str>>>,
) -> (Vec<Vec<Arc<str>>>, Vec<Status>) {
    let (failures, mut refused) = (&endpoint.failures, Vec::new());
    let mut served = Vec::new();
    for batch in batches {
        let asking = pipeline(
            batch
                .iter()
                .map(|channel| probe(failures, slot_of(channel))),
        );
        let asked = within(limit, asking.query_async(&mut connection)).await;
        let answers: Vec<Value> = match asked {
            Ok(answers) => answers,
            Err(error) => {
                refused.extend(failure(Err(error), &batch[0], failures));
                return (Vec::new(), refused);
            }
        };
        let mut here = Vec::new();
        for (channel, answer) in batch.into_iter().zip(answers) {
            match failure(probed(answer), &channel, failures) {
                Some(status) => refused.push(status),
                None => here.push(channel),
            }
        }
        // A command without a channel would be an error.
        if !here.is_empty() {
            served.push(here);
        }
    }
    if !refused.is_empty() {
        endpoint.may_have_moved();
    }
    (served, refused)
}

/// Subscribes with one command. The server refuses the whole command if it refuses one of its
/// channels. Then each half is tried by itself.
async fn subscribe_each(
    mut connection: MultiplexedConnection,
    limit: Duration,
    failures: Arc<Failures>,
    channels: Vec<Arc<str>>,
) -> Vec<Status> {
    let mut failed = Vec::new();
    let mut rest = vec![&channels[..]];
    while let Some(part) = rest.pop() {
        let names: Vec<&str> = part.iter().map(|channel| &**channel).collect();
        let result = within(limit, connection.subscribe(&names)).await;
        match result {
            Err(error) if error.code().is_some() && part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                rest.extend([second, first]);
            }
            result => failed.extend(failure(result, names[0], &failures)),
        }
    }
    failed
}

/// The server's answer, or a timeout after the limit.
async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    let answered = timeout(limit, answer).await;
    answered.unwrap_or_else(|_| Err(io::Error::from(TimedOut).into()))
}

fn failure(result: RedisResult<()>, channel: &str, failures: &Failures) -> Option<Status> {
    let error = result.err()?;
    let cause = failures.about(&error, About::Channel(channel));
    // An error with a code is the server's answer for this channel. Other errors end the
    // connection.
    Some(if error.code().is_some() {
        Status::Refused {
            channel: channel.into(),
            cause,
        }
    } else {
        Status::Disconnected(cause)
    })
}

/// What the link is told of a push; `None` for one that means nothing to it.
pub(crate) fn translate(push: PushInfo, oversized: usize) -> Option<Wire> {
    let mut data = push.data.into_iter();
    let mut bytes = || match data.next() {
        Some(Value::BulkString(bytes)) => Some(bytes),
        _ => None,
    };
    let status = match push.kind {
        PushKind::Message | PushKind::SMessage => {
            let (channel, payload) = (bytes()?, bytes()?);
            if payload.len() <= oversized {
                return Some(Wire::Message { channel, payload });
            }
            Status::Disconnected(Cause::Oversized(payload.len()))
        }
        PushKind::Subscribe | PushKind::SSubscribe => Status::Confirmed { channel: bytes()? },
        PushKind::Unsubscribe | PushKind::SUnsubscribe => {
            Status::Unsubscribed { channel: bytes()? }
        }
        PushKind::Disconnection => Status::Disconnected(Cause::Disconnected),
        _ => return None,
    };
    Some(Wire::Status(status))
}
