//! The connection for events. It passes what the server pushes to the feed.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, Value};

use super::endpoint::Endpoint;
use super::failure::{About, Failures};
use crate::health::Cause;
use crate::transport::wire::{Feed, Status, Wire};

/// The connection for events.
///
/// Dropping it closes the connection. The Redis client does not report that, so the link must not
/// wait for a report.
pub(crate) struct Subscriber {
    connection: MultiplexedConnection,
    failures: Arc<Failures>,
}

impl Subscriber {
    pub(super) async fn open(endpoint: &Endpoint, feed: Feed) -> Result<Self, Cause> {
        // This runs inside the client's driver, so it must not wait. A feed never waits.
        let receive = move |push: PushInfo| {
            if let Some(wire) = translate(push) {
                feed(wire);
            }
            Ok::<(), SendError>(())
        };
        let config = AsyncConnectionConfig::new().set_push_sender(receive);
        Ok(Self {
            connection: endpoint.open("events", config).await?,
            failures: Arc::clone(&endpoint.failures),
        })
    }

    /// Subscribes one channel. The server refuses a whole command if it refuses one of its
    /// channels.
    pub(crate) fn subscribe(&self, channel: Arc<str>) -> BoxFuture<'static, Option<Status>> {
        let mut connection = self.connection.clone();
        let failures = Arc::clone(&self.failures);
        Box::pin(async move {
            let result = connection.subscribe(&*channel).await;
            failed(result, &channel, &failures)
        })
    }

    pub(crate) fn unsubscribe(&self, channel: Arc<str>) -> BoxFuture<'static, Option<Status>> {
        let mut connection = self.connection.clone();
        let failures = Arc::clone(&self.failures);
        Box::pin(async move {
            let result = connection.unsubscribe(&*channel).await;
            // A connection that cannot end a subscription is not usable, so it is dropped.
            failed(result, &channel, &failures).map(|status| match status {
                Status::Refused { cause, .. } => Status::Disconnected(cause),
                other => other,
            })
        })
    }
}

/// The status after a failed command. `None` if it was accepted, because its confirmation is pushed
/// in order with the messages.
fn failed(result: RedisResult<()>, channel: &str, failures: &Failures) -> Option<Status> {
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

fn translate(push: PushInfo) -> Option<Wire> {
    let mut data = push.data.into_iter();
    let mut bytes = || match data.next() {
        Some(Value::BulkString(bytes)) => Some(bytes),
        _ => None,
    };
    let status = match push.kind {
        PushKind::Message => {
            let (channel, payload) = (bytes()?, bytes()?);
            return Some(Wire::Message { channel, payload });
        }
        PushKind::Subscribe => Status::Confirmed { channel: bytes()? },
        PushKind::Unsubscribe => Status::Unsubscribed { channel: bytes()? },
        PushKind::Disconnection => Status::Disconnected(Cause::Disconnected),
        _ => return None,
    };
    Some(Wire::Status(status))
}
