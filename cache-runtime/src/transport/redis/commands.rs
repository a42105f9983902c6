//! A connection for commands. It is opened when needed, and shared by all callers, but those whose
//! runtime has one of its own.

use std::io::{self, ErrorKind::TimedOut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::{RedisError, RedisResult};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::endpoint::Endpoint;
use super::failure::is_wrong_server;
use super::limits::{Ended, Limits};
use super::nearby::{Found, Nearby, Opening};
use super::open::Open;
use super::server_info;
use crate::health::Cause;
use crate::io_thread;
use crate::server_info::ServerInfo;
use crate::sync::Mutex;

/// A connection that is opened again after it has failed.
pub(super) struct Commands(Arc<Inner>);

struct Inner {
    /// The end of the connection's name.
    role: &'static str,
    endpoint: Arc<Endpoint>,
    state: Mutex<State>,
    /// Further connections, which the runtimes of callers drive.
    nearby: Nearby,
    /// How long callers receive the error of a failed attempt before there is another attempt.
    pause: Duration,
    /// Ends requests in progress, when they take too long or this is closed.
    limits: Arc<Limits>,
    /// As `limits`, for requests on connections nearby.
    nearby_limits: Arc<Limits>,
    /// Ends an attempt to connect.
    closed: CancellationToken,
}

#[derive(Default)]
struct State {
    /// Refuses new requests.
    is_closed: bool,
    open: Option<Open>,
    /// The attempt in progress, with its number. All callers that wait for it get its result.
    attempt: Option<(u64, Attempt)>,
    /// Why the server counts as away, until a connection succeeds, and since when.
    away: Option<(Cause, Instant)>,
}

type Attempt = Shared<BoxFuture<'static, Result<Open, Cause>>>;

/// Requests on a connection nearby are given up after this part of the limit that others have.
const NEARBY_LIMIT: u32 = 4;

/// Whether to send a request again if its first sending may have been carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Sending it twice does no harm.
    Yes,
    /// Sending it twice does no harm if the first can arrive no more, because its connection has
    /// ended.
    IfDropped,
    /// Sending it twice may do harm: another client may have used the key in between.
    No,
}

/// One or more commands to send on a connection.
pub(super) trait Work: Sync {
    type Answer: Send;

    fn run(&self, open: &mut Open) -> impl Future<Output = RedisResult<Self::Answer>> + Send;
}

/// The server answered with an error, or did not answer.
pub(super) struct Failed {
    pub(super) error: RedisError,
    /// Set if the server is the wrong one: whether its connection was still the present one, so that
    /// this is news.
    pub(super) wrong_server: Option<bool>,
}

impl Commands {
    pub(super) fn new(role: &'static str, endpoint: Arc<Endpoint>, pause: Duration) -> Self {
        Self(Arc::new(Inner {
            role,
            limits: Limits::new(endpoint.response_timeout),
            nearby: Nearby::default(),
            nearby_limits: Limits::new(endpoint.response_timeout / NEARBY_LIMIT),
            endpoint,
            state: Mutex::default(),
            pause,
            closed: CancellationToken::new(),
        }))
    }

    /// Whether the server can be reached and accepts the credentials.
    pub(super) async fn check(&self) -> Result<(), Cause> {
        self.connection().await.map(drop)
    }

    /// Whether the server counts as away.
    pub(super) fn is_away(&self) -> bool {
        self.0.state.lock().away.is_some()
    }

    /// Whether a connection was asked for.
    pub(super) fn is_used(&self) -> bool {
        let state = self.0.state.lock();
        state.open.is_some() || state.attempt.is_some() || state.away.is_some()
    }

    /// Does some work on the connection. If the connection was dropped and the work may be done
    /// twice, does it once more on a new connection. The inner result is the server's answer.
    pub(super) async fn run<W: Work>(
        &self,
        again: Again,
        work: &W,
    ) -> Result<Result<W::Answer, Failed>, Cause> {
        let mut may_retry = again != Again::No;
        if again == Again::Yes
            && let Some(answer) = self.run_nearby(work).await
        {
            return answer;
        }
        loop {
            let mut open = self.connection().await?;
            let answer = match self.0.limits.wait(work.run(&mut open)).await {
                Ok(answer) => answer,
                Err(Ended::TimedOut) => Err(io::Error::from(TimedOut).into()),
                Err(Ended::Closed) => return Err(Cause::Closed),
            };
            let error = match answer {
                Ok(answer) => return Ok(Ok(answer)),
                Err(error) => error,
            };
            let wrong_server = is_wrong_server(&error);
            let ends = wrong_server || error.is_timeout() || error.is_unrecoverable_error();
            let current = ends && self.0.failed(open.number, &error);
            // A timeout has already cost its time.
            if !may_retry || error.is_timeout() || !error.is_connection_dropped() {
                let wrong_server = wrong_server.then_some(current);
                return Ok(Err(Failed {
                    error,
                    wrong_server,
                }));
            }
            may_retry = false;
        }
    }

    /// Does some work on the connection of the caller's runtime. `None` if it has to be done
    /// elsewhere.
    async fn run_nearby<W: Work>(
        &self,
        work: &W,
    ) -> Option<Result<Result<W::Answer, Failed>, Cause>> {
        let mut open = match self.0.nearby.find() {
            Found::Open(open) => open,
            Found::Wanted(opening) => {
                self.0.open_nearby(opening);
                return None;
            }
            Found::Nothing => return None,
        };
        let error = match self.0.nearby_limits.wait(work.run(&mut open)).await {
            Ok(Ok(answer)) => return Some(Ok(Ok(answer))),
            Ok(Err(error)) => error,
            Err(Ended::Closed) => return Some(Err(Cause::Closed)),
            Err(Ended::TimedOut) => {
                self.0.nearby.failed(open.number);
                return None;
            }
        };
        let wrong_server = if is_wrong_server(&error) {
            Some(self.0.nearby.failed(open.number))
        } else if error.is_unrecoverable_error() {
            self.0.nearby.failed(open.number);
            return None;
        } else {
            None
        };
        Some(Ok(Err(Failed {
            error,
            wrong_server,
        })))
    }

    /// The open connection, or a new one.
    async fn connection(&self) -> Result<Open, Cause> {
        let attempt = {
            let mut state = self.0.state.lock();
            match self.0.known(&mut state) {
                Some(known) => return known,
                None => self.0.attempt(&mut state)?,
            }
        };
        attempt.await
    }

    /// Drops the connection. With a cause, the server counts as away until a new connection
    /// succeeds.
    pub(super) fn disconnect(&self, away: Option<&Cause>) {
        self.0.nearby.disconnect();
        let mut state = self.0.state.lock();
        state.open = None;
        if let Some(cause) = away {
            state
                .away
                .get_or_insert_with(|| (cause.clone(), Instant::now()));
        }
    }

    /// The server is not away any more. If it was, forgets the attempt in progress, because the
    /// server may never answer it.
    pub(super) fn reachable(&self) {
        let mut state = self.0.state.lock();
        if state.away.take().is_some() {
            state.attempt = None;
        }
    }

    /// The connection, if it is open.
    pub(super) fn open(&self) -> Option<Open> {
        self.0.state.lock().open.clone()
    }

    /// Asks the server on a connection what it is; returns the number of the connection too. `None`
    /// if there is no answer. Then a connection nearby is dropped.
    pub(super) fn ask(&self, mut open: Open) -> BoxFuture<'static, Option<(ServerInfo, u64)>> {
        let inner = Arc::clone(&self.0);
        let asking = async move {
            let endpoint = &inner.endpoint;
            let asking = server_info::ask(&mut open.connection, &endpoint.failures, []);
            let asked = io_thread::timeout(endpoint.response_timeout, asking).await;
            let Ok(Ok((server, []))) = asked else {
                inner.nearby.failed(open.number);
                return None;
            };
            Some((server, open.number))
        };
        asking.boxed()
    }

    /// As [`ask`](Self::ask), on each connection nearby.
    pub(super) fn ask_nearby(&self) -> Vec<BoxFuture<'static, Option<(ServerInfo, u64)>>> {
        let nearby = self.0.nearby.in_use().into_iter();
        nearby.map(|open| self.ask(open)).collect()
    }

    pub(super) fn close(&self) {
        let mut state = self.0.state.lock();
        (state.open, state.is_closed) = (None, true);
        drop(state);
        self.0.nearby.close();
        self.0.closed.cancel();
        self.0.limits.close();
        self.0.nearby_limits.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.limits.close();
        self.nearby_limits.close();
    }
}

impl Inner {
    /// The answer that needs no new attempt, if there is one.
    fn known(&self, state: &mut State) -> Option<Result<Open, Cause>> {
        if state.is_closed {
            return Some(Err(Cause::Closed));
        }
        if let Some(open) = &state.open {
            if !open.has_ended() {
                return Some(Ok(open.clone()));
            }
            state.open = None;
        }
        // While the server is away, the caller that starts an attempt waits for it. The others
        // fail.
        let (cause, since) = state.away.as_ref()?;
        let is_probed = state.attempt.is_some() || since.elapsed() < self.pause;
        is_probed.then(|| Err(cause.clone()))
    }

    /// The attempt in progress, or a new one.
    fn attempt(self: &Arc<Self>, state: &mut State) -> Result<Attempt, Cause> {
        if let Some((_, attempt)) = &state.attempt {
            return Ok(attempt.clone());
        }
        let number = Open::next_number();
        let inner = Arc::clone(self);
        let closed = self.closed.clone();
        let connecting = async move {
            let opened = closed
                .run_until_cancelled(Open::new(&inner.endpoint, inner.role, number))
                .await;
            inner.opened(number, opened.unwrap_or(Err(Cause::Closed)))
        };
        // A connection is driven by the runtime that it was opened on, so this runs on the thread
        // for I/O. It is a task, because the callers may stop waiting.
        let handle = io_thread::handle().map_err(Cause::Unreachable)?;
        let task = handle.spawn(connecting);
        self.limits.start_timer(handle);
        let inner = Arc::clone(self);
        let attempt = async move {
            // If the task panicked, the attempt has to end here.
            let ended = task.await;
            ended.unwrap_or_else(|_| inner.opened(number, Err(Cause::Stopped)))
        };
        let attempt = attempt.boxed().shared();
        state.attempt = Some((number, attempt.clone()));
        Ok(attempt)
    }

    /// Opens a connection nearby, in the background.
    fn open_nearby(self: &Arc<Self>, opening: Opening) {
        let Ok(handle) = io_thread::handle() else {
            return;
        };
        // It has to lead to the same server as the one for all runtimes.
        if self.state.lock().open.is_none() {
            return self.nearby.not_opened(&opening, false);
        }
        self.nearby_limits.start_timer(handle);
        let inner = Arc::clone(self);
        // The runtime that a connection is opened in drives it.
        opening.runtime.clone().spawn(async move {
            let role = format!("{}-nearby", inner.role);
            let connecting = Open::new(&inner.endpoint, &role, Open::next_number());
            match inner.closed.run_until_cancelled(connecting).await {
                Some(Ok(open)) if inner.is_present_server(&open) => {
                    return inner.nearby.opened(&opening, open);
                }
                Some(Err(cause)) => debug!(%cause, "no connection nearby"),
                _ => {}
            }
            inner.nearby.not_opened(&opening, true);
        });
    }

    /// Whether a connection leads to the same server as the present one.
    fn is_present_server(&self, open: &Open) -> bool {
        let state = self.state.lock();
        let present = state.open.as_ref().and_then(|open| open.identity);
        present.is_some() && present == open.identity
    }

    /// Records the result of an attempt, unless the attempt was forgotten.
    fn opened(&self, number: u64, opened: Result<Open, Cause>) -> Result<Open, Cause> {
        let mut state = self.state.lock();
        let attempt = state.attempt.take_if(|(attempt, _)| *attempt == number);
        let current = attempt.is_some();
        match &opened {
            _ if !current => return opened,
            Ok(_) if state.is_closed => return Err(Cause::Closed),
            Ok(open) => {
                self.nearby.keep(open.identity);
                state.open = Some(open.clone());
                state.away = None;
            }
            Err(cause) => state.away = Some((cause.clone(), Instant::now())),
        }
        opened
    }

    /// Drops a connection that has failed; whether it was still the present one.
    fn failed(&self, number: u64, error: &RedisError) -> bool {
        let mut state = self.state.lock();
        let current = state
            .open
            .as_ref()
            .is_some_and(|open| open.number == number);
        if current {
            state.open = None;
            if error.is_timeout() {
                let cause = self.endpoint.failures.cause(error);
                state.away = Some((cause, Instant::now()));
            }
        }
        current
    }
}
