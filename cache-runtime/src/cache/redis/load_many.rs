//! The way of a read of several entries: as that of one (`load`), with one round trip for all of them
//! in each of its steps, and one call of the loader.
//!
//! What another instance is loading is waited for after what nobody loads is loaded and stored, so
//! that two instances never wait for each other.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use super::entry::{Cached, Loaded};
use super::error::LoadError;
use super::keep_many::{Entries, Loading};
use super::load::{Kept, Lead, Unfinished, fail};
use super::load_ahead::PendingLoad;
use super::load_lock::{LoadLock, POLL};
use super::policy::WhileDown;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::cache::memory::{
    LeadingLoad, Next, Storing, Turns, error_of, failed_with, run_together,
};
use crate::counters::count;
use crate::health::Cause;
use crate::io_thread::sleep;
use crate::random;
use crate::transport::{Acquired, EntryKeys, Found, Seek};

/// Makes the load of an entry ahead of its expiry, if the cache has a loader for that.
pub(super) type LoadAheadIfAny<'a, V> = dyn Fn(&str) -> Option<PendingLoad<V>> + Sync + 'a;

/// A key that this caller has the turn to load, until it is known whether it has to.
struct Sought<'a, V: Clone> {
    key: &'a String,
    keys: EntryKeys,
    turn: LeadingLoad<'a, String, Cached<V>>,
    seek: Seek,
    /// What is in Redis and does not decode.
    unread: Option<Found>,
    /// Whether another instance was found loading.
    has_waited: bool,
}

impl<'a, V: Clone> Sought<'a, V> {
    fn load(self, lock: Option<LoadLock>, redis_answers: bool) -> Loading<'a, V> {
        let lead = Lead {
            lock,
            turn: self.turn,
            keys: self.keys,
            redis_answers,
        };
        (self.key, lead)
    }
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// The entries of distinct keys: those that are known, and what the loader returns for the rest.
    /// `load_ahead` makes the load of one that is due.
    pub(super) async fn get_many_or_load<L, F, I, E>(
        self: &Arc<Self>,
        keys: Vec<String>,
        loader: L,
        load_ahead: &LoadAheadIfAny<'_, V>,
    ) -> Result<Entries<V>, LoadError<E>>
    where
        L: FnMut(Vec<String>) -> F,
        F: Future<Output = Result<I, E>>,
        I: IntoIterator<Item = (String, Loaded<V>)>,
        E: Send + Sync + 'static,
    {
        let (mut found, mut missing) = (Entries::new(), Vec::new());
        let in_memory = self.storing() == Storing::Yes;
        for key in keys {
            match in_memory.then(|| self.engine.get(&key)).flatten() {
                Some(cached) => drop(found.insert(key, cached)),
                None => missing.push(key),
            }
        }
        for (key, cached) in &found {
            self.refresh_if_due(key, cached, || load_ahead(key));
        }
        if !missing.is_empty() {
            Box::pin(self.load_many(&missing, &mut found, loader, load_ahead)).await?;
        }
        Ok(found)
    }

    async fn load_many<L, F, I, E>(
        self: &Arc<Self>,
        missing: &[String],
        found: &mut Entries<V>,
        mut loader: L,
        load_ahead: &LoadAheadIfAny<'_, V>,
    ) -> Result<(), LoadError<E>>
    where
        L: FnMut(Vec<String>) -> F,
        F: Future<Output = Result<I, E>>,
        I: IntoIterator<Item = (String, Loaded<V>)>,
        E: Send + Sync + 'static,
    {
        let storing = || self.storing();
        let is_own = failed_with::<LoadError<E>>;
        let mut turns = Turns::new(&self.engine, missing, &storing, is_own);
        loop {
            let leads = match turns.next().await {
                Next::Done => return Ok(()),
                Next::Value(key, cached) => {
                    self.refresh_if_due(key, &cached, || load_ahead(key));
                    found.insert(key.clone(), cached);
                    continue;
                }
                Next::Failed(_, failure) => {
                    count(&self.counters.misses);
                    return Err(LoadError::clone(&*error_of(failure)));
                }
                Next::Lead(leads) => leads.into_turns(),
            };
            let sought = leads.into_iter().map(|(key, turn)| Sought {
                key,
                keys: self.keys.of(key),
                turn,
                seek: Seek::Missing,
                unread: None,
                has_waited: false,
            });
            let mut round = Round::default();
            self.look_up_many(sought.collect(), &mut round).await;
            let begun = Instant::now();
            let mut poll = Backoff::new(POLL.0, POLL.1, random::number());
            loop {
                self.lock_many(&mut round).await;
                for (key, cached) in round.found.drain(..) {
                    self.refresh_if_due(key, &cached, || load_ahead(key));
                    found.insert(key.clone(), cached);
                }
                if let Some(cause) = round.failed.take() {
                    if self.options.while_down == WhileDown::Fail {
                        let error = LoadError::Redis(self.redis_error("read", cause));
                        return round.fail(error);
                    }
                    self.redis_failed("read", &cause);
                }
                let left = self.options.load_lock.unwrap_or_default();
                let left = left.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    for sought in round.busy.drain(..) {
                        count(&self.counters.given_up_waits);
                        round.loading.push(sought.load(None, true));
                    }
                }
                if !round.loading.is_empty() {
                    let loading = std::mem::take(&mut round.loading);
                    self.load_together(loading, found, &mut loader).await?;
                }
                if round.busy.is_empty() {
                    break;
                }
                sleep(poll.next().min(left)).await;
                // The other instance may have stored it by now.
                for mut sought in round.busy.drain(..) {
                    sought.seek = Seek::Missing;
                    round.unlocked.push(sought);
                }
            }
        }
    }

    /// Looks for entries in Redis, in one round trip.
    async fn look_up_many<'a>(&self, sought: Vec<Sought<'a, V>>, round: &mut Round<'a, V>) {
        if !self.trusts_redis() {
            let missing = sought.into_iter().map(|sought| sought.load(None, true));
            return round.loading.extend(missing);
        }
        let begun = Instant::now();
        let mut settled = Vec::new();
        for sought in sought {
            match self.settled_since(sought.key, begun).await {
                Ok(()) => settled.push(sought),
                Err(cause) => round.failed(sought, cause),
            }
        }
        let names: Vec<_> = settled.iter().map(|sought| &sought.keys).collect();
        let span = debug_span!("cache.fetch", cache = &*self.name);
        let asked = self.ask_each(names.len(), self.keyspace.lookup_many(&names));
        let looked_up = asked.instrument(span).await;
        for (mut sought, looked_up) in settled.into_iter().zip(looked_up) {
            match looked_up {
                Err(cause) => {
                    round.failed(sought, cause);
                    continue;
                }
                Ok(Some(found)) => {
                    if let Some(cached) = self.read(sought.key, &found) {
                        self.found(sought, cached, round);
                        continue;
                    }
                    sought.seek = Seek::Refresh;
                }
                Ok(None) => {}
            }
            if sought.turn.is_nested() || !self.locks() {
                round.loading.push(sought.load(None, true));
            } else {
                round.unlocked.push(sought);
            }
        }
    }

    /// Asks for the tokens of entries, in one round trip, and once more for those that are there and do
    /// not decode.
    async fn lock_many(&self, round: &mut Round<'_, V>) {
        while !round.unlocked.is_empty() {
            let unlocked = std::mem::take(&mut round.unlocked);
            let wanted: Vec<_> = unlocked
                .iter()
                .map(|sought| (&sought.keys, sought.seek))
                .collect();
            let (asked, lock_ttl) = (Instant::now(), self.options.lock_ttl);
            let acquiring = self.keyspace.acquire_many(&wanted, lock_ttl);
            let acquired = self.ask_each(wanted.len(), acquiring).await;
            for (mut sought, acquired) in unlocked.into_iter().zip(acquired) {
                match acquired {
                    Err(cause) => round.failed(sought, cause),
                    Ok(Acquired::Token(token)) => {
                        let lock = self.lock(token, asked);
                        match self.replaced(&sought).await {
                            Ok(Some(cached)) => self.found(sought, cached, round),
                            Ok(None) => round.loading.push(sought.load(Some(lock), true)),
                            Err(cause) => round.failed(sought, cause),
                        }
                    }
                    Ok(Acquired::Found(found)) => {
                        if let Some(cached) = self.read(sought.key, &found) {
                            self.found(sought, cached, round);
                        } else {
                            sought.seek = Seek::Refresh;
                            sought.unread = Some(found);
                            round.unlocked.push(sought);
                        }
                    }
                    Ok(Acquired::Busy) => {
                        if !sought.has_waited {
                            sought.has_waited = true;
                            count(&self.counters.waits);
                        }
                        round.busy.push(sought);
                    }
                }
            }
        }
    }

    /// What another instance has stored in place of a value that did not decode.
    async fn replaced(&self, sought: &Sought<'_, V>) -> Result<Option<Cached<V>>, Cause> {
        let Some(unread) = &sought.unread else {
            return Ok(None);
        };
        let found = self.ask(self.keyspace.lookup(&sought.keys)).await?;
        let found = found.filter(|found| found != unread);
        Ok(found.and_then(|found| self.read(sought.key, &found)))
    }

    fn found<'a>(&self, sought: Sought<'a, V>, cached: Cached<V>, round: &mut Round<'a, V>) {
        count(&self.counters.redis_hits);
        self.end(sought.turn, &cached, Kept::InRedis);
        round.found.push((sought.key, cached));
    }

    /// Calls the loader once for all, and stores what it returns.
    async fn load_together<L, F, I, E>(
        &self,
        loading: Vec<Loading<'_, V>>,
        found: &mut Entries<V>,
        loader: &mut L,
    ) -> Result<(), LoadError<E>>
    where
        L: FnMut(Vec<String>) -> F,
        F: Future<Output = Result<I, E>>,
        I: IntoIterator<Item = (String, Loaded<V>)>,
        E: Send + Sync + 'static,
    {
        let keys: Vec<_> = loading.iter().map(|(key, _)| (*key).clone()).collect();
        let unfinished: Vec<_> = keys
            .iter()
            .map(|_| {
                count(&self.counters.misses);
                count(&self.counters.loads);
                Unfinished(Some(&self.counters.failed_loads))
            })
            .collect();
        let loading_all = self.engine.watched(|| loader(keys));
        let turns = loading.iter().map(|(_, lead)| &lead.turn);
        let ended = run_together(turns, self.limit(), loading_all).await;
        match self.ended(ended) {
            Ok(pairs) => {
                unfinished.into_iter().for_each(Unfinished::finish);
                let values = pairs.into_iter().collect();
                self.keep_many(loading, values, found).await;
                Ok(())
            }
            Err(error) => {
                for (_, lead) in loading {
                    drop(lead.lock);
                    let _ = fail::<_, (), _>(lead.turn, error.clone());
                }
                Err(error)
            }
        }
    }
}

/// What is known of the keys that this caller has the turn to load.
struct Round<'a, V: Clone> {
    /// To be returned.
    found: Vec<(&'a String, Cached<V>)>,
    /// Missing, and their tokens are to be asked for.
    unlocked: Vec<Sought<'a, V>>,
    /// Missing, and another instance is loading them.
    busy: Vec<Sought<'a, V>>,
    /// To be loaded.
    loading: Vec<Loading<'a, V>>,
    /// Why Redis did not answer for some of these.
    failed: Option<Cause>,
}

impl<V: Clone> Default for Round<'_, V> {
    fn default() -> Self {
        Self {
            found: Vec::new(),
            unlocked: Vec::new(),
            busy: Vec::new(),
            loading: Vec::new(),
            failed: None,
        }
    }
}

impl<'a, V: Clone + Send + Sync + 'static> Round<'a, V> {
    fn failed(&mut self, sought: Sought<'a, V>, cause: Cause) {
        self.failed.get_or_insert(cause);
        self.loading.push(sought.load(None, false));
    }

    /// Gives the error to those who wait for entries that Redis did not answer for. The turns of other
    /// entries are handed over.
    fn fail<T, E: Send + Sync + 'static>(self, error: LoadError<E>) -> Result<T, LoadError<E>> {
        for (_, lead) in self.loading {
            if !lead.redis_answers {
                let _ = fail::<_, (), _>(lead.turn, error.clone());
            }
        }
        Err(error)
    }
}
