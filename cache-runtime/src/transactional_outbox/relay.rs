//! The relay: publishes the rows of an outbox, and deletes each after its event was published.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{join_all, select_all};
use tracing::warn;

use super::refused::Refused;
use super::running::Running;
use super::store::{Row, Store};
use crate::backoff::Backoff;
use crate::bus::{Bus, Shared};
use crate::defaults::{BACKOFF_MAX, BACKOFF_MIN, OUTBOX_BATCH, OUTBOX_LEASE, OUTBOX_POLL_INTERVAL};
use crate::error::{Fate, PublishError};
use crate::io_thread::{sleep, timeout};
use crate::log_throttle::LogThrottle;
use crate::outbox;
use crate::random;

/// Publishes the events of a transactional outbox.
///
/// Run it in at least one instance; in several, for one to go on when another ends. Those that share
/// a table take turns by a lease on it. Run it where the services and the caches in Redis are built
/// whose events it publishes: it then deletes in Redis as every publisher does, before it sends the
/// event. For channels without a service on its bus, it sends the payload as it is.
///
/// A row is deleted only after Redis has accepted its event, and has then said that it is a primary.
/// So an event is published at least once, and more often if the relay ends in between, or if its
/// lease does. The relay leaves nothing to the outbox in memory: what Redis does not take stays a row.
///
/// While Redis or the database is away, the relay tries again, at first after 20 ms, later after at
/// most 1 s. Rows that Redis refuses stay as well, such as those of a channel that access rules forbid.
/// They are tried again with the first look at the table after 1 s, and do not hold up others. Every look
/// reads them from the table, though, and of more than 10 000 the rest is tried with every look. A line in
/// the log says why; delete them where they are no more use.
///
/// A row whose payload is no event of its channel is published as the event's `All`.
pub struct Relay<S> {
    bus: Arc<Shared>,
    store: S,
    poll_interval: Duration,
    lease: Duration,
    batch: usize,
    /// Who holds the lease.
    owner: String,
    refused: Refused,
    log: LogThrottle,
}

impl<S: Store> Relay<S> {
    /// A relay from a table to a bus.
    #[must_use = "a relay does nothing until it runs"]
    pub fn new(bus: &Bus, store: S) -> Self {
        Self {
            bus: Arc::clone(bus.shared()),
            store,
            poll_interval: OUTBOX_POLL_INTERVAL,
            lease: OUTBOX_LEASE,
            batch: OUTBOX_BATCH,
            owner: random::nonce(),
            refused: Refused::default(),
            log: LogThrottle::default(),
        }
    }

    /// The longest time from one look at the table to the next:
    /// [1 s](crate::defaults::OUTBOX_POLL_INTERVAL) by default. This bounds how late the relay finds
    /// rows that nothing tells it of.
    #[must_use = "it returns the relay"]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// How long other relays wait for one that has ended while it held the lease:
    /// [10 s](crate::defaults::OUTBOX_LEASE) by default. Also the longest time that the database may
    /// take to answer. It should be longer than publishing a batch takes, because otherwise others
    /// publish the batch too.
    #[must_use = "it returns the relay"]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// The most rows that are read and published at a time:
    /// [256](crate::defaults::OUTBOX_BATCH) by default, at least 1.
    #[must_use = "it returns the relay"]
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch = rows.max(1);
        self
    }

    /// Runs the relay until the bus is closed. The relay keeps the bus alive.
    ///
    /// The future must be polled where the store's driver needs it to be: for PostgreSQL, in a Tokio
    /// runtime. It does not end for an error. It logs errors, at most once a second.
    ///
    /// # Cancel safety
    ///
    /// Safe: rows whose events may not have been published stay. If it holds the lease, other relays
    /// wait for the lease to end.
    pub async fn run(mut self) {
        let bus = Arc::clone(&self.bus);
        let mut committed = bus.committed().subscribe();
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX, random::number());
        while !bus.is_closed() {
            let swept = self.sweep().await;
            let mut reasons = vec![bus.closed().boxed()];
            if let Err(failure) = swept {
                if let Some(skipped) = self.log.admit() {
                    warn!(%failure, skipped, "the outbox could not be published; trying again");
                }
                reasons.push(sleep(backoff.next()).boxed());
            } else {
                backoff.reset();
                reasons.push(sleep(self.poll_interval).boxed());
                reasons.push(self.store.changed().boxed());
                reasons.push(committed.changed().map(drop).boxed());
            }
            select_all(reasons).await;
        }
    }

    /// Publishes all rows once, a batch at a time. Rows that the server refuses are no failure.
    async fn sweep(&mut self) -> Result<(), Failure> {
        self.refused.begin_sweep(Instant::now());
        let mut after = i64::MIN;
        loop {
            let rows = (self.store).take(&self.owner, self.lease, after, self.batch);
            let Some(mut rows) = self.ask(rows).await? else {
                // Another relay publishes them.
                return Ok(());
            };
            let begun = after != i64::MIN;
            let last = rows.len() < self.batch;
            let Some(row) = rows.last() else {
                return if begun {
                    self.delete(&[], true).await
                } else {
                    Ok(())
                };
            };
            after = row.id;
            rows.retain(|row| !self.refused.holds(row.id));
            let (published, failed) = self.publish(rows).await;
            let ends = last || failed.is_some() || self.bus.is_closed();
            if ends || !published.is_empty() {
                self.delete(&published, ends).await?;
            }
            if let Some(error) = failed {
                return Err(Failure(Box::new(error)));
            }
            if ends {
                return Ok(());
            }
        }
    }

    /// Publishes rows. Returns the ids of those whose events were published, and why the server has
    /// not taken others that it does not refuse.
    async fn publish(&mut self, rows: Vec<Row>) -> (Vec<i64>, Option<PublishError>) {
        // Equal events are published once.
        let mut same: HashMap<(String, Vec<u8>), Vec<i64>> = HashMap::new();
        for row in rows {
            same.entry((row.channel, row.payload))
                .or_default()
                .push(row.id);
        }
        let sent = same.into_iter().map(async |((channel, payload), ids)| {
            let sent = self.bus.publish_payload(&channel, Some(payload)).await;
            (ids, sent)
        });
        let (mut published, mut failed) = (Vec::new(), None);
        for (ids, sent) in join_all(sent).await {
            match sent {
                Ok(()) => published.extend(ids),
                Err(error) if is_refused(&error) => {
                    if let Some(skipped) = self.log.admit() {
                        warn!(%error, skipped, rows = ids.len(), "rows of the outbox are refused");
                    }
                    self.refused.add(ids, Instant::now());
                }
                Err(error) => failed = Some(error),
            }
        }
        // A replica accepts messages as well, and they do not reach the primary's subscribers.
        if !published.is_empty()
            && let Err(cause) = self.bus.ask_primary().await
        {
            let fate = outbox::fate(&cause);
            let error = PublishError::transport("the outbox".into(), cause, fate);
            return (Vec::new(), Some(error));
        }
        (published, failed)
    }

    async fn delete(&self, ids: &[i64], release: bool) -> Result<(), Failure> {
        self.ask(self.store.delete(&self.owner, ids, release)).await
    }

    async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, S::Error>>,
    ) -> Result<T, Failure> {
        match timeout(self.lease, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failure(Box::new(error))),
            Err(_) => Err(Failure("the database did not answer in time".into())),
        }
    }
}

impl<S: Store + 'static> Relay<S> {
    /// Runs the relay on the library's own thread for I/O, until the returned guard is dropped or the
    /// bus is closed. Functions of yours that it calls must not block.
    #[must_use = "dropping the guard ends the relay; keep it"]
    pub fn start(self) -> Running {
        Running::start(self.run())
    }
}

/// Whether trying again is of no use until an operator has changed something: the server does not take
/// the event, or a cache must not delete in Redis what it evicts.
fn is_refused(error: &PublishError) -> bool {
    let mut causes = error.not_evicted().map(|(_, cause)| outbox::fate(cause));
    error.is_refused() || error.is_published() && causes.all(|fate| fate == Fate::Refused)
}

/// Why a sweep has not published all rows.
struct Failure(Box<dyn Error + Send + Sync>);

/// With all causes, for the log.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl<S: fmt::Debug> fmt::Debug for Relay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("store", &self.store)
            .field("poll_interval", &self.poll_interval)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
