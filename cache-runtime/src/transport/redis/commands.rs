//! The connection for commands. It is opened when needed, and shared by publishers and caches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, FromRedisValue, PushInfo, PushKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use super::failure::About;
use super::request::{Again, Request};
use crate::health::Cause;
use crate::sync::Mutex;

/// The connection for commands, which is replaced when it fails.
pub(super) struct Commands {
    state: Mutex<State>,
    /// Locked while connecting, so that one attempt serves all callers.
    connecting: tokio::sync::Mutex<()>,
    /// How long callers receive the error of a failed attempt before there is another attempt.
    pause: Duration,
    closed: CancellationToken,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// How many connections were opened.
    opened: u64,
    failed: Option<(Instant, Cause)>,
}

#[derive(Clone)]
struct Open {
    number: u64,
    connection: MultiplexedConnection,
    /// Set when the connection has ended. Otherwise the first command after the server closed an
    /// idle connection would fail, and some commands must not be sent twice.
    ended: Arc<AtomicBool>,
}

impl Commands {
    pub(super) fn new(pause: Duration) -> Self {
        Self {
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::new(()),
            pause,
            closed: CancellationToken::new(),
        }
    }

    /// The connection of another instance.
    pub(super) fn another_instance(&self) -> Self {
        Self::new(self.pause)
    }

    /// Checks whether the server can be reached and accepts the credentials.
    pub(super) async fn check(&self, endpoint: &Endpoint) -> Result<(), Cause> {
        self.unless_closed(self.connection(endpoint))
            .await
            .map(drop)
    }

    /// Sends a request, and returns the answer.
    pub(super) async fn request<T: FromRedisValue>(
        &self,
        endpoint: &Endpoint,
        request: &Request<'_>,
        again: Again,
        about: About<'_>,
    ) -> Result<T, Cause> {
        self.unless_closed(self.send(endpoint, request, again, about))
            .await
    }

    async fn send<T: FromRedisValue>(
        &self,
        endpoint: &Endpoint,
        request: &Request<'_>,
        again: Again,
        about: About<'_>,
    ) -> Result<T, Cause> {
        let mut may_retry = again == Again::Yes;
        loop {
            let Open {
                number,
                mut connection,
                ..
            } = self.connection(endpoint).await?;
            let answer = request.send(&mut connection).await;
            let answer = answer.and_then(|answer| Ok(T::from_redis_value(answer)?));
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error.is_timeout() || error.is_unrecoverable_error() {
                self.discard(number);
            }
            // A timeout is not retried, because the caller has already waited.
            if !may_retry || !error.is_connection_dropped() {
                return Err(endpoint.failures.about(&error, about));
            }
            may_retry = false;
        }
    }

    /// The open connection, or a new one.
    async fn connection(&self, endpoint: &Endpoint) -> Result<Open, Cause> {
        match self.known() {
            Some(known) => known,
            // Boxed, because the future is large and rarely needed.
            None => Box::pin(self.connect(endpoint)).await,
        }
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Open, Cause> {
        let _turn = self.connecting.lock().await;
        // Another caller may have connected meanwhile.
        if let Some(known) = self.known() {
            return known;
        }
        let ended = Arc::new(AtomicBool::new(false));
        let config = AsyncConnectionConfig::new().set_push_sender({
            let ended = Arc::clone(&ended);
            move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    ended.store(true, Ordering::Release);
                }
                Ok::<(), SendError>(())
            }
        });
        let opened = endpoint.open("publish", config).await;
        let mut state = self.state.lock();
        if self.closed.is_cancelled() {
            return Err(Cause::Closed);
        }
        match opened {
            Ok(connection) => {
                state.opened += 1;
                let open = Open {
                    number: state.opened,
                    connection,
                    ended,
                };
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

    /// The open connection or a recent error; `None` if a new connection is needed.
    fn known(&self) -> Option<Result<Open, Cause>> {
        let mut state = self.state.lock();
        if self.closed.is_cancelled() {
            return Some(Err(Cause::Closed));
        }
        if let Some(open) = &state.open {
            if !open.ended.load(Ordering::Acquire) {
                return Some(Ok(open.clone()));
            }
            state.open = None;
        }
        let (at, cause) = state.failed.as_ref()?;
        (at.elapsed() < self.pause).then(|| Err(cause.clone()))
    }

    /// Drops a connection that has failed, unless it was replaced already.
    fn discard(&self, number: u64) {
        let mut state = self.state.lock();
        if state
            .open
            .as_ref()
            .is_some_and(|open| open.number == number)
        {
            state.open = None;
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.open = None;
        self.closed.cancel();
    }

    /// Cancels the work when this is closed, because the work holds the connection.
    async fn unless_closed<T>(
        &self,
        work: impl Future<Output = Result<T, Cause>>,
    ) -> Result<T, Cause> {
        let done = self.closed.run_until_cancelled(work).await;
        done.unwrap_or(Err(Cause::Closed))
    }
}
