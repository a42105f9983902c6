//! The connection for events: what the server pushes goes to the feed as it comes.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, Value};

use super::endpoint::Endpoint;
use super::failure::{About, Failures};
use crate::health::Cause;
use crate::transport::wire::{Feed, Status, Wire};

/// Dropping it closes the connection. The library does not report that, so the link does not wait for
/// a report.
pub(crate) struct Subscriber {
    connection: MultiplexedConnection,
    failures: Arc<Failures>,
}

impl Subscriber {
    pub(super) async fn open(endpoint: &Endpoint, feed: Feed) -> Result<Self, Cause> {
        // It runs inside the library's driver, so it must not wait: a feed never does.
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

    /// One command per channel, because the server refuses a command whole if it refuses one channel.
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
            // A connection that cannot end a subscription is of no use.
            failed(result, &channel, &failures).map(|status| match status {
                Status::Refused { cause, .. } => Status::Disconnected(cause),
                other => other,
            })
        })
    }
}

/// Nothing if the command was accepted: its confirmation is pushed, in order with the messages.
fn failed(result: RedisResult<()>, channel: &str, failures: &Failures) -> Option<Status> {
    let error = result.err()?;
    let cause = failures.about(&error, About::Channel(channel));
    // An error code is the answer for this channel. Anything else ends the connection.
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
