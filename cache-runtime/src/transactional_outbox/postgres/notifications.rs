//! Publishes what `NOTIFY` carries, without rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select, select_all};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_postgres::{Client, Connection, Error, Notification};
use tracing::warn;

use super::session::{Connect, Session};
use crate::backoff::Backoff;
use crate::bus::Shared;
use crate::defaults::{BACKOFF_MAX, BACKOFF_MIN, QUEUE_EVENTS};
use crate::event::InvalidationEvent;
use crate::io_thread::{sleep, timeout};
use crate::log_throttle::LogThrottle;
use crate::random;
use crate::service::Invalidator;
use crate::transactional_outbox::running::Running;

/// How often the server is asked whether the connection still works.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The longest time that connecting, and the server's answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Publishes events that PostgreSQL sends by `NOTIFY`, such as from triggers:
///
/// ```sql
/// PERFORM pg_notify('cache:users', json_build_object('type', 'user', 'userId', NEW.id)::text);
/// ```
///
/// The channel of the notification is that of the service, without the namespace of its bus, and at
/// most 63 bytes long. The payload is the event in JSON, shorter than 8,000 bytes.
///
/// Notifications are lost while nobody listens. So this publishes the `All` of every channel after it
/// has connected, each time. It also publishes a channel's `All` for an event that could not be
/// published, until that succeeds, for a notification that is no event, and for all channels after
/// more than [1,024](crate::defaults::QUEUE_EVENTS) notifications had to wait. Once a second it asks
/// the server whether the connection still works, for at most 5 s. Where events must not depend on
/// that, use the [`Outbox`](super::Outbox).
///
/// Run it in one instance. Several publish every event several times, which does no harm.
pub struct Notifications {
    connect: Connect,
    /// By channel, without the namespace.
    buses: BTreeMap<&'static str, Arc<Shared>>,
    log: LogThrottle,
}

impl Notifications {
    /// Listens on connections that `connect` opens, as for [`Outbox::new`](super::Outbox::new).
    #[must_use = "it publishes nothing until it runs"]
    pub fn new<F, S, T>(connect: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(Client, Connection<S, T>), Error>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self {
            connect: Connect::new(connect),
            buses: BTreeMap::new(),
            log: LogThrottle::default(),
        }
    }

    /// Publishes the events of a service as well.
    #[must_use = "it returns the listener"]
    pub fn publish_to<E: InvalidationEvent>(mut self, service: &Invalidator<E>) -> Self {
        let core = Invalidator::core_of(service);
        let channel = core.declared.channel();
        self.buses.insert(channel, Arc::clone(&core.bus));
        self
    }

    /// Listens and publishes until a bus of its services is closed. Without a service, it ends at once.
    /// It logs errors, at most once a second.
    ///
    /// # Cancel safety
    ///
    /// Safe: it begins again with the `All` of every channel.
    pub async fn run(self) {
        let closed = self.buses.values().map(|bus| bus.closed().boxed());
        let closed: Vec<_> = closed.collect();
        if !closed.is_empty() {
            select(Box::pin(self.go_on()), select_all(closed)).await;
        }
    }

    /// Connects and listens again and again.
    async fn go_on(&self) {
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX, random::number());
        loop {
            let (sender, mut news) = channel(QUEUE_EVENTS);
            let overflow = Arc::new(AtomicBool::new(false));
            let overflowed = Arc::clone(&overflow);
            let notify = move |notification: Option<Notification>| {
                // The sender is dropped with the connection, which ends `listen`.
                if let Some(notification) = notification
                    && sender.try_send(notification).is_err()
                {
                    overflowed.store(true, Ordering::Release);
                }
            };
            let channels = self.buses.keys().copied();
            let opening = Session::open(&self.connect, channels, notify);
            match timeout(PATIENCE, opening).await {
                Ok(Ok(session)) => {
                    backoff.reset();
                    self.listen(&session, &mut news, &overflow).await;
                }
                Ok(Err(error)) => self.report(&error),
                Err(_) => self.report(&"no answer in time"),
            }
            sleep(backoff.next()).await;
        }
    }

    /// Runs on the library's own thread for I/O, until the returned guard is dropped or a bus of its
    /// services is closed. Functions of yours that it calls must not block.
    #[must_use = "dropping the guard ends it; keep it"]
    pub fn start(self) -> Running {
        Running::start(self.run())
    }

    /// Publishes until the connection ends.
    async fn listen(
        &self,
        session: &Session,
        news: &mut Receiver<Notification>,
        overflow: &AtomicBool,
    ) {
        // Notifications before this connection were lost.
        let mut owed: BTreeSet<&str> = self.buses.keys().copied().collect();
        loop {
            if overflow.swap(false, Ordering::AcqRel) {
                owed = self.buses.keys().copied().collect();
            }
            owed = self.publish_all(owed).await;
            let heard = {
                let (heard, heartbeat) = (Box::pin(news.recv()), Box::pin(sleep(HEARTBEAT)));
                match select(heard, heartbeat).await {
                    Either::Left((Some(notification), _)) => Some(notification),
                    Either::Left((None, _)) => return self.report(&"the connection has ended"),
                    Either::Right(_) => None,
                }
            };
            let Some(notification) = heard else {
                let answer = timeout(PATIENCE, session.client.batch_execute("SELECT 1"));
                if !matches!(answer.await, Ok(Ok(()))) {
                    return self.report(&"the server does not answer any more");
                }
                continue;
            };
            let known = self.buses.get_key_value(notification.channel());
            let Some((channel, bus)) = known else {
                continue;
            };
            let payload = notification.payload().as_bytes().to_vec();
            if let Err(error) = bus.publish_payload(channel, Some(payload)).await {
                self.report(&error);
                owed.insert(channel);
            }
        }
    }

    /// Publishes the `All` of channels. Returns those for which that has failed.
    async fn publish_all<'a>(&self, channels: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        let sent = channels.into_iter().map(async |channel| {
            let sent = self.buses[channel].publish_payload(channel, None).await;
            (channel, sent)
        });
        let mut failed = BTreeSet::new();
        for (channel, sent) in join_all(sent).await {
            if let Err(error) = sent {
                self.report(&error);
                failed.insert(channel);
            }
        }
        failed
    }

    fn report(&self, error: &dyn fmt::Display) {
        if let Some(skipped) = self.log.admit() {
            warn!(%error, skipped, "notifications of PostgreSQL may be lost; trying again");
        }
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications")
            .field("channels", &self.buses.keys())
            .finish_non_exhaustive()
    }
}
