//! User names and passwords, and where they come from.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{ProtocolVersion, RedisConnectionInfo};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::failure::Failures;
use crate::health::Cause;
use crate::io_thread;

/// The least time between two attempts to renew credentials.
const RENEW_EVERY: Duration = Duration::from_millis(100);

/// A user name and a password, or a token that serves as one.
///
/// Neither is shown by `Debug`.
#[derive(Clone)]
pub struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: String,
    expires_in: Option<Duration>,
}

impl Credentials {
    /// A user name and its password. An empty name is the default user.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        let user = Some(user.into()).filter(|user| !user.is_empty());
        Self {
            user,
            password: password.into(),
            expires_in: None,
        }
    }

    /// How long they are valid from now on. They are renewed when three quarters of that have passed.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    /// When to ask for new ones.
    fn renew_after(&self) -> Option<Duration> {
        let expires_in = self.expires_in?;
        Some((expires_in / 4 * 3).max(RENEW_EVERY))
    }
}

/// Without the user name and the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// What a function of the program answers when it is asked for credentials.
pub(crate) type Answer = Result<Credentials, Box<dyn Error + Send + Sync>>;

/// Where the credentials for each connection come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// There may be none.
    Fixed(Option<Credentials>),
    Function(Arc<dyn Fn() -> BoxFuture<'static, Answer> + Send + Sync>),
}

impl Source {
    /// The credentials, if there are any.
    pub(super) async fn ask(&self, failures: &Failures) -> Result<Option<Credentials>, Cause> {
        let function = match self {
            Self::Fixed(credentials) => return Ok(credentials.clone()),
            Self::Function(function) => function,
        };
        let failed = |what: String| {
            let what = format!("the function given to `BusBuilder::credentials` {what}");
            Cause::Credentials(what.into())
        };
        // On the thread for I/O, so that a panic ends here.
        let Some(asking) = io_thread::spawn(function()) else {
            return Err(Cause::Stopped);
        };
        let answer = AbortOnDropHandle::new(asking).await;
        let answer = answer.map_err(|_| failed("panicked".to_owned()))?;
        let credentials = answer.map_err(|error| failed(format!("failed: {error}")))?;
        failures.login.is(credentials.user.clone());
        Ok(Some(credentials))
    }

    /// Keeps a connection logged in, until the handle is dropped. `None` if the credentials do not
    /// expire.
    pub(super) fn renew(
        &self,
        used: Option<&Credentials>,
        connection: &MultiplexedConnection,
        limit: Duration,
        failures: &Failures,
    ) -> Option<AbortOnDropHandle<()>> {
        let mut wait = used?.renew_after()?;
        let (source, failures) = (self.clone(), failures.clone());
        let mut connection = connection.clone();
        let renewing = async move {
            loop {
                tokio::time::sleep(wait).await;
                let renewed = source.renew_once(&mut connection, &failures);
                wait = match tokio::time::timeout(limit, renewed).await {
                    Ok(Ok(Some(next))) => next,
                    Ok(Ok(None)) => return,
                    Ok(Err(cause)) => {
                        warn!(%cause, "credentials that expire could not be renewed");
                        (wait / 8).max(RENEW_EVERY)
                    }
                    Err(_) => {
                        debug!("credentials that expire were not renewed in time");
                        (wait / 8).max(RENEW_EVERY)
                    }
                };
            }
        };
        io_thread::spawn(renewing).map(AbortOnDropHandle::new)
    }

    /// Logs in again on an open connection. Its subscriptions and requests are not disturbed.
    async fn renew_once(
        &self,
        connection: &mut MultiplexedConnection,
        failures: &Failures,
    ) -> Result<Option<Duration>, Cause> {
        let Some(credentials) = self.ask(failures).await? else {
            return Ok(None);
        };
        let mut log_in = redis::cmd("AUTH");
        let user = credentials.user.as_deref().unwrap_or("default");
        let log_in = log_in.arg(user).arg(&credentials.password);
        let answered = log_in.query_async(connection).await;
        let () = answered.map_err(|error| failures.cause(&error))?;
        Ok(credentials.renew_after())
    }
}

/// How a connection logs in.
pub(super) fn login(credentials: Option<&Credentials>) -> RedisConnectionInfo {
    let login = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
    let Some(credentials) = credentials else {
        return login;
    };
    let login = login.set_password(&credentials.password);
    match &credentials.user {
        Some(user) => login.set_username(user),
        None => login,
    }
}
