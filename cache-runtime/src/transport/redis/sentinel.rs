//! What the Sentinels say of where the primary is.
//!
//! A fail-over needs the votes of a majority of the Sentinels, and each has a number, the epoch,
//! that is higher than that of every earlier one. So of two answers, that with the higher epoch is
//! the newer, and whoever asks a majority is not misled by a Sentinel that was cut off.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, FromRedisValue, Value};
use tokio::sync::Notify;

use super::address::describe;
use super::failure::Failures;
use super::pipeline::pipeline;
use crate::health::Cause;
use crate::io_thread;
use crate::sync::Mutex;

/// Where the primary is, as a Sentinel answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Master {
    pub(super) host: String,
    pub(super) port: u16,
    /// The number of the fail-over that made it the primary.
    epoch: u64,
}

/// The Sentinels of a primary, and their latest word.
pub(super) struct Sentinels {
    each: Vec<Sentinel>,
    /// The name by which they know the primary.
    service: String,
    /// The longest time to connect to one, and to wait for an answer.
    limit: Duration,
    state: Mutex<State>,
    /// How often another primary was named. Every request reads it, so it is not in the state.
    changes: AtomicU64,
    /// Wakes whoever waits for the first primary or for another one.
    news: Notify,
}

pub(super) struct Sentinel {
    pub(super) client: Client,
    pub(super) failures: Failures,
}

struct State {
    /// The latest answer of each; `None` if it does not answer.
    told: Vec<Option<Master>>,
    present: Option<Master>,
    /// When another primary was last named.
    changed: Option<Instant>,
}

/// The primary that the Sentinels name, if there was a fail-over since the `present` one was named.
///
/// The newest answer counts. If its epoch is not newer, as after an operator has set the Sentinels up
/// anew, it counts only if a majority names another server.
fn elected(told: &[Option<Master>], present: Option<&Master>) -> Option<Master> {
    let votes = |master: &Master| {
        let same = |other: &&Master| other.is_at(master) && other.epoch == master.epoch;
        told.iter().flatten().filter(same).count()
    };
    let newest = told.iter().flatten();
    let newest = newest.max_by_key(|master| (master.epoch, votes(master)))?;
    let Some(present) = present else {
        return Some(newest.clone());
    };
    let agreed = || !newest.is_at(present) && votes(newest) >= majority(told.len());
    (newest.epoch > present.epoch || agreed()).then(|| newest.clone())
}

fn majority(all: usize) -> usize {
    all / 2 + 1
}

impl Master {
    fn name(&self) -> String {
        describe(&ConnectionAddr::Tcp(self.host.clone(), self.port))
    }

    fn is_at(&self, other: &Self) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }
}

impl Sentinels {
    /// The Sentinels of the primary that they know as `service`.
    pub(super) fn new(each: Vec<Sentinel>, service: String, limit: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                told: vec![None; each.len()],
                present: None,
                changed: None,
            }),
            each,
            service,
            limit,
            changes: AtomicU64::new(0),
            news: Notify::new(),
        }
    }

    /// The same Sentinels, for another instance.
    pub(super) fn another(&self) -> Self {
        let each = self.each.iter().map(|sentinel| Sentinel {
            client: sentinel.client.clone(),
            failures: sentinel.failures.clone(),
        });
        Self::new(each.collect(), self.service.clone(), self.limit)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.each.len()
    }

    /// How often another primary was named so far.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// When another primary was last named.
    pub(super) fn changed(&self) -> Option<Instant> {
        self.state.lock().changed
    }

    /// Waits until a primary was named once.
    pub(super) async fn used(&self) {
        loop {
            let news = self.news.notified();
            if self.state.lock().present.is_some() {
                return;
            }
            news.await;
        }
    }

    /// Waits until the primary was changed more often than `known`; returns how often it was, and
    /// the new one.
    pub(super) async fn replaced(&self, known: u64) -> (u64, String) {
        loop {
            let news = self.news.notified();
            let changes = self.changes();
            if changes > known {
                let state = self.state.lock();
                let present = state.present.as_ref();
                return (changes, present.map(Master::name).unwrap_or_default());
            }
            news.await;
        }
    }

    /// Asks all, and returns the primary once a majority has answered; and how often it was changed.
    pub(super) async fn find(&self) -> Result<(Master, u64), Cause> {
        let asking = |i| async move {
            let asked = io_thread::timeout(self.limit, async {
                let mut connection = self.connect(i, AsyncConnectionConfig::new()).await?;
                self.ask(i, &mut connection).await
            });
            let late = |_| Err(self.each[i].failures.timeout("connecting", self.limit));
            let answer = asked.await.unwrap_or_else(late);
            answer.inspect_err(|_| self.silent(i))
        };
        let mut all: FuturesUnordered<_> = (0..self.each.len()).map(asking).collect();
        let (mut answers, mut failed) = (0, Vec::new());
        while let Some(answer) = all.next().await {
            match answer {
                Ok(()) => answers += 1,
                Err(cause) => failed.push(cause),
            }
            if answers >= majority(self.each.len()) {
                let state = self.state.lock();
                if let Some(present) = &state.present {
                    return Ok((present.clone(), self.changes()));
                }
            }
        }
        Err(self.silence(answers, &failed))
    }

    /// Why the primary is not known.
    fn silence(&self, answers: usize, failed: &[Cause]) -> Cause {
        // What an operator can mend, before what may pass.
        let mends = |cause: &&Cause| !matches!(cause, Cause::Unreachable(_) | Cause::Timeout(_));
        if let Some(cause) = failed.iter().find(mends) {
            return cause.clone();
        }
        let (all, needed) = (self.each.len(), majority(self.each.len()));
        let reasons: Vec<_> = failed.iter().map(ToString::to_string).collect();
        let reasons = reasons.join("; ");
        let what = format!(
            "{answers} of {all} Sentinels answered, and a majority of {needed} has to name the \
             primary: {reasons}"
        );
        Cause::Unreachable(what.into())
    }

    pub(super) async fn connect(
        &self,
        i: usize,
        config: AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, Cause> {
        let Sentinel { client, failures } = &self.each[i];
        // The callers have limits of their own.
        let config = config
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connected = client.get_multiplexed_async_connection_with_config(&config);
        connected.await.map_err(|error| failures.cause(&error))
    }

    /// Asks one where the primary is, and takes note of the answer.
    pub(super) async fn ask(
        &self,
        i: usize,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), Cause> {
        let failures = &self.each[i].failures;
        let question = |what: &str| {
            let mut command = redis::cmd("SENTINEL");
            command.arg(what).arg(&self.service);
            command
        };
        // The epoch first: if a fail-over comes in between, the address is the newer one.
        let commands = pipeline([question("MASTER"), question("GET-MASTER-ADDR-BY-NAME")]);
        let answers: Vec<Value> = commands
            .query_async(connection)
            .await
            .map_err(|error| failures.cause(&error))?;
        let [master, address] = <[Value; 2]>::try_from(answers).unwrap_or_default();
        let unusable = |what: &str| Cause::Settings(format!("address: {what}").into());
        let unknown = || {
            unusable(&format!(
                "the {} knows no primary `{}`; expected a name that `SENTINEL MASTERS` lists there",
                failures.address, self.service
            ))
        };
        if address == Value::Nil {
            return Err(unknown());
        }
        let (master, address) = match (master.extract_error(), address.extract_error()) {
            (Ok(master), Ok(address)) => (master, address),
            (Err(error), _) | (_, Err(error)) => {
                let detail = error.detail().unwrap_or_default();
                return Err(if detail.starts_with("unknown command") {
                    unusable(&format!(
                        "the {} is no Sentinel; expected `redis://host:port` for a server",
                        failures.address
                    ))
                } else if detail.contains("No such master") {
                    unknown()
                } else {
                    failures.cause(&error)
                });
            }
        };
        let unexpected = |error: redis::ParsingError| failures.cause(&error.into());
        let fields: HashMap<String, String> =
            HashMap::from_redis_value(master).map_err(unexpected)?;
        let (host, port) = <(String, u16)>::from_redis_value(address).map_err(unexpected)?;
        let epoch = fields.get("config-epoch");
        let epoch = epoch.and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        self.tells(i, Master { host, port, epoch });
        Ok(())
    }

    fn tells(&self, i: usize, master: Master) {
        let mut state = self.state.lock();
        state.told[i] = Some(master);
        if let Some(elected) = elected(&state.told, state.present.as_ref()) {
            // The first is known only once a majority has answered.
            let answers = state.told.iter().flatten().count();
            if state.present.is_some() {
                state.changed = Some(Instant::now());
                self.changes.fetch_add(1, Ordering::Release);
            } else if answers < majority(self.each.len()) {
                return;
            }
            state.present = Some(elected);
            drop(state);
            self.news.notify_waiters();
        }
    }

    /// One does not answer.
    pub(super) fn silent(&self, i: usize) {
        self.state.lock().told[i] = None;
    }

    /// Whether any has answered of late.
    pub(super) fn is_heard(&self) -> bool {
        self.state.lock().told.iter().any(Option::is_some)
    }
}
