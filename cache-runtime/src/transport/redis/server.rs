//! A Redis server: its address, the connection for commands, and new connections for events.

use std::sync::Arc;

use redis::FromRedisValue;

use super::commands::Commands;
use super::endpoint::Endpoint;
use super::failure::About;
use super::request::{Again, Request};
use super::subscriber::Subscriber;
use crate::health::Cause;
use crate::settings::Settings;
use crate::transport::wire::Feed;

/// A Redis server, as one instance uses it.
pub(crate) struct Redis {
    endpoint: Arc<Endpoint>,
    commands: Commands,
}

impl Redis {
    pub(crate) fn new(url: &str, settings: &Settings) -> Result<Self, Cause> {
        Ok(Self {
            endpoint: Arc::new(Endpoint::new(url, settings)?),
            commands: Commands::new(settings.backoff_min),
        })
    }

    /// The same server, with connections of its own.
    pub(crate) fn another_instance(&self) -> Self {
        Self {
            endpoint: Arc::clone(&self.endpoint),
            commands: self.commands.another_instance(),
        }
    }

    /// The address without its credentials.
    pub(crate) fn address(&self) -> &str {
        &self.endpoint.failures.address
    }

    pub(crate) async fn subscriber(&self, feed: Feed) -> Result<Subscriber, Cause> {
        Subscriber::open(&self.endpoint, feed).await
    }

    pub(crate) async fn check(&self) -> Result<(), Cause> {
        self.commands.check(&self.endpoint).await
    }

    pub(crate) async fn publish(&self, channel: &str, payload: Vec<u8>) -> Result<u64, Cause> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel).arg(payload);
        let request = Request::Command(command);
        let about = About::Channel(channel);
        // Sending it twice does no harm, because events are idempotent.
        self.commands
            .request(&self.endpoint, &request, Again::Yes, about)
            .await
    }

    /// Sends a request about a key, and returns the answer.
    pub(crate) async fn request<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        again: Again,
        key: &str,
    ) -> Result<T, Cause> {
        self.commands
            .request(&self.endpoint, request, again, About::Key(key))
            .await
    }

    pub(crate) fn close(&self) {
        self.commands.close();
    }
}
