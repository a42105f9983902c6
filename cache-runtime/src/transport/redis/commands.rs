//! The connection for publishing: opened when it is needed, shared by all publishers.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Endpoint;
use crate::health::Cause;

pub(super) struct Commands {
    state: Mutex<State>,
    /// Held while connecting, so that one attempt serves all who wait.
    connecting: tokio::sync::Mutex<()>,
    /// How long a failed attempt answers for others.
    pause: Duration,
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// The connection and its number.
    open: Option<(u64, MultiplexedConnection)>,
    opened: u64,
    failed: Option<(Instant, Cause)>,
}

impl Commands {
    pub(super) fn new(pause: Duration) -> Self {
        Self {
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::new(()),
            pause,
            closed: watch::Sender::new(false),
        }
    }

    /// Whether the server can be reached and accepts us.
    pub(super) async fn check(&self, endpoint: &Endpoint) -> Result<(), Cause> {
        self.unless_closed(self.connection(endpoint))
            .await
            .map(drop)
    }

    /// Publishes, and returns the number of subscribers as the server counts them.
    pub(super) async fn publish(
        &self,
        endpoint: &Endpoint,
        channel: &str,
        payload: &[u8],
    ) -> Result<u64, Cause> {
        self.unless_closed(self.send(endpoint, channel, payload))
            .await
    }

    async fn send(&self, endpoint: &Endpoint, channel: &str, payload: &[u8]) -> Result<u64, Cause> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel).arg(payload);
        let mut retried = false;
        loop {
            let (number, mut connection) = self.connection(endpoint).await?;
            let result: Result<u64, RedisError> = command.query_async(&mut connection).await;
            let error = match result {
                Ok(receivers) => return Ok(receivers),
                Err(error) => error,
            };
            if error.is_timeout() || error.is_unrecoverable_error() {
                self.discard(number);
            }
            // The server may have closed it while it was idle. Events are idempotent, so sending
            // one twice does no harm; a timeout has already cost its time, though.
            if retried || !error.is_connection_dropped() {
                return Err(endpoint.failures.channel(&error, channel));
            }
            retried = true;
        }
    }

    /// The open connection, or a new one.
    async fn connection(&self, endpoint: &Endpoint) -> Result<(u64, MultiplexedConnection), Cause> {
        if let Some(known) = self.known() {
            return known;
        }
        let _turn = self.connecting.lock().await;
        // Somebody else may have had a turn meanwhile.
        if let Some(known) = self.known() {
            return known;
        }
        let opened = endpoint.open("publish", AsyncConnectionConfig::new()).await;
        let mut state = self.lock();
        if *self.closed.borrow() {
            return Err(Cause::Closed);
        }
        match opened {
            Ok(connection) => {
                state.opened += 1;
                let open = (state.opened, connection);
                state.open = Some(open.clone());
                state.failed = None;
                Ok(open)
            }
            Err(cause) => {
                state.failed = Some((Instant::now(), cause.clone()));
                Err(cause)
            }
        }
    }

    /// What can be said without connecting.
    fn known(&self) -> Option<Result<(u64, MultiplexedConnection), Cause>> {
        let state = self.lock();
        if *self.closed.borrow() {
            return Some(Err(Cause::Closed));
        }
        if let Some(open) = &state.open {
            return Some(Ok(open.clone()));
        }
        let (at, cause) = state.failed.as_ref()?;
        (at.elapsed() < self.pause).then(|| Err(cause.clone()))
    }

    /// Drops a connection that has failed, unless it was replaced already.
    fn discard(&self, number: u64) {
        let mut state = self.lock();
        if state.open.as_ref().is_some_and(|(open, _)| *open == number) {
            state.open = None;
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.open = None;
        self.closed.send_replace(true);
    }

    /// Gives up what waits for the server once this is closed: it would hold the connection.
    async fn unless_closed<T>(
        &self,
        work: impl Future<Output = Result<T, Cause>>,
    ) -> Result<T, Cause> {
        let mut watched = self.closed.subscribe();
        let mut closed = pin!(watched.wait_for(|closed| *closed));
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => closed.as_mut().poll(cx).map(|_| Err(Cause::Closed)),
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
