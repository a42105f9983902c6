//! Many keys at a time: one load for all that nobody loads yet.
//!
//! A caller takes every turn that is free, loads, and ends these loads, before it waits for the loads
//! of others. So two callers of the same keys never wait for each other.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use equivalent::Equivalent;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hashbrown::HashTable;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::engine::Engine;
use super::held::{Absent, LeadingLoad, LoadGuard, TakenTurn};
use super::keys::hash;
use super::load::Storing;
use super::nested::{self, Limit};
use super::patience::Patience;
use super::store::{Joined, Wait};
use super::turn::{HANGS, Outcome, WAITS_FOR_ITSELF, error_of, failed_with, outcome};
use super::waiters::{Ended, Failure, Waited, Waiters};
use crate::clock::{Nanos, nanos};
use crate::counters::count;
use crate::io_thread::timeout;

/// What is known next of some of the keys.
pub(crate) enum Next<'a, 'k, K: Hash + Eq, V: Clone> {
    /// Another caller has loaded the value of a key.
    Value(&'k K, V),
    /// The load of another caller has failed with an error of this caller's type.
    Failed(&'k K, Failure),
    /// The caller loads these keys.
    Lead(Leads<'a, 'k, K, V>),
    /// Nothing more is to come. Keys of which nothing was said have no value.
    Done,
}

/// Keys that are loaded together. Dropping it hands their turns over.
pub(crate) struct Leads<'a, 'k, K: Hash + Eq, V: Clone> {
    /// The permit to load, one for all.
    permit: Option<SemaphorePermit<'a>>,
    turns: Vec<(&'k K, LeadingLoad<'a, K, V>)>,
}

impl<'a, 'k, K: Hash + Eq, V: Clone> Leads<'a, 'k, K, V> {
    fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        self.turns.iter().map(|(key, _)| (*key).clone()).collect()
    }

    async fn run<T>(&self, limit: Limit, loader: impl Future<Output = T>) -> Option<T> {
        run_together(self.turns.iter().map(|(_, turn)| turn), limit, loader).await
    }

    /// The turns of all keys. The permit is given back, because the load has ended.
    pub(crate) fn into_turns(self) -> Vec<(&'k K, LeadingLoad<'a, K, V>)> {
        drop(self.permit);
        self.turns
    }
}

/// Runs the loader of several keys. If it waits for one of these loads, that is noticed.
pub(crate) async fn run_together<'t, 'e: 't, K: Hash + Eq + 'e, V: Clone + 'e, T>(
    turns: impl Iterator<Item = &'t LeadingLoad<'e, K, V>>,
    limit: Limit,
    loader: impl Future<Output = T>,
) -> Option<T> {
    let loads: Vec<_> = turns.map(|turn| turn.load().into()).collect();
    nested::run(&loads, limit, loader).await
}

/// Keys, each once and in the order in which they came first.
pub(crate) fn distinct<'k, K, Q>(keys: impl IntoIterator<Item = &'k Q>) -> Vec<K>
where
    K: Hash + Eq,
    Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized + 'k,
{
    let (mut all, mut places) = (Vec::new(), HashTable::<usize>::new());
    for key in keys {
        let hash_of = hash(key);
        let is_known = |place: &usize| key.equivalent(&all[*place]);
        if places.find(hash_of, is_known).is_none() {
            places.insert_unique(hash_of, all.len(), |place| hash(&all[*place]));
            all.push(key.to_owned());
        }
    }
    all
}

impl<K: Hash + Eq + Clone, V: Clone> Engine<K, V> {
    /// The values of the keys: those that `get` finds, and those that are loaded.
    ///
    /// # Cancel safety
    ///
    /// As [`load`](Self::load), for each key.
    pub(crate) async fn get_many_or_load<'k, Q, L, F, I, E>(
        &self,
        keys: impl IntoIterator<Item = &'k Q>,
        get: impl Fn(&K) -> Option<V>,
        is_open: impl Fn() -> bool + Sync,
        loader: L,
    ) -> Result<HashMap<K, V>, Arc<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized + 'k,
        L: FnMut(Vec<K>) -> F,
        F: Future<Output = Result<I, E>>,
        I: IntoIterator<Item = (K, V)>,
        E: Send + Sync + 'static,
    {
        let (mut found, mut missing) = (HashMap::new(), Vec::new());
        for key in distinct(keys) {
            match get(&key) {
                Some(value) => drop(found.insert(key, value)),
                None => missing.push(key),
            }
        }
        if !missing.is_empty() {
            // Boxed, so that what is in memory does without the room.
            let loading = self.load_many(&missing, &mut found, is_open, loader);
            Box::pin(loading).await?;
        }
        Ok(found)
    }

    /// Adds the values of the keys to what was `found`: those that other callers load, and what
    /// `loader` returns for the rest. Values are stored only while `is_open` returns true.
    ///
    /// # Cancel safety
    ///
    /// As [`load`](Self::load), for each key.
    async fn load_many<L, F, I, E>(
        &self,
        keys: &[K],
        found: &mut HashMap<K, V>,
        is_open: impl Fn() -> bool + Sync,
        mut loader: L,
    ) -> Result<(), Arc<E>>
    where
        L: FnMut(Vec<K>) -> F,
        F: Future<Output = Result<I, E>>,
        I: IntoIterator<Item = (K, V)>,
        E: Send + Sync + 'static,
    {
        let storing = || Storing::when(is_open());
        let mut turns = Turns::new(self, keys, &storing, failed_with::<E>);
        loop {
            let leads = match turns.next().await {
                Next::Done => return Ok(()),
                Next::Value(key, value) => {
                    found.insert(key.clone(), value);
                    continue;
                }
                Next::Failed(key, failure) => {
                    let value = self.failed(key, is_open(), error_of(failure))?;
                    found.insert(key.clone(), value);
                    continue;
                }
                Next::Lead(leads) => leads,
            };
            let missing = leads.keys();
            let first = leads.turns[0].0;
            let loading = self.watched(|| loader(missing));
            let ended = leads.run(self.limit::<E>(), loading).await;
            match ended.unwrap_or_else(|| Err(self.given_up(first))) {
                Ok(pairs) => {
                    let mut values: HashMap<K, V> = pairs.into_iter().collect();
                    for (key, lead) in leads.into_turns() {
                        let Some(value) = values.remove(key) else {
                            lead.absent();
                            continue;
                        };
                        if is_open() {
                            // Those who wait receive it even if it may not be stored.
                            let _ = lead.finish(value.clone());
                        } else {
                            lead.pass(value.clone());
                        }
                        found.insert(key.clone(), value);
                    }
                }
                Err(error) => {
                    let error = Arc::new(error);
                    let mut is_covered = true;
                    for (key, lead) in leads.into_turns() {
                        let answer = self.failed(key, is_open(), Arc::clone(&error));
                        lead.fail(&error);
                        let Ok(value) = answer else {
                            is_covered = false;
                            continue;
                        };
                        found.insert(key.clone(), value);
                    }
                    if !is_covered {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// The keys of one caller that it has no values of yet, and its part in their loads.
pub(crate) struct Turns<'a, 'k, K: Hash + Eq, V: Clone> {
    engine: &'a Engine<K, V>,
    storing: &'a (dyn Fn() -> Storing + Sync),
    is_own: fn(&Failure) -> bool,
    patience: Patience,
    /// When expired entries are served although loads go on.
    stale_at: Option<Instant>,
    has_served_stale: bool,
    /// In no load.
    open: Vec<Call<'k, K>>,
    /// In loads of other callers.
    waiting: Vec<Waiting<'a, 'k, K, V>>,
    /// It is the caller's turn, and it has not begun to load.
    taken: Vec<Taken<'a, 'k, K, V>>,
    /// As `taken`, beside a load whose loader is the caller.
    lone: Vec<(&'k K, LeadingLoad<'a, K, V>)>,
    ended: VecDeque<Next<'a, 'k, K, V>>,
}

struct Call<'k, K> {
    key: &'k K,
    hash: u64,
    wait: Wait,
    next_at_arrival: Option<u64>,
}

struct Waiting<'a, 'k, K: Hash + Eq, V: Clone> {
    call: Call<'k, K>,
    guard: LoadGuard<'a, K, V>,
    waiters: Arc<Waiters<V>>,
    may_share: bool,
    arrived: Nanos,
}

struct Taken<'a, 'k, K: Hash + Eq, V: Clone> {
    call: Call<'k, K>,
    turn: TakenTurn<'a, K, V>,
}

impl<'a, 'k, K: Hash + Eq + Clone, V: Clone> Turns<'a, 'k, K, V> {
    /// The keys have to be distinct. `storing` and `is_own` are as for [`Engine::turn`].
    pub(crate) fn new(
        engine: &'a Engine<K, V>,
        keys: &'k [K],
        storing: &'a (dyn Fn() -> Storing + Sync),
        is_own: fn(&Failure) -> bool,
    ) -> Self {
        let call = |key| Call {
            key,
            hash: hash(key),
            wait: Wait::Always,
            next_at_arrival: None,
        };
        Self {
            engine,
            storing,
            is_own,
            patience: Patience::new(engine.options.load_wait),
            stale_at: None,
            has_served_stale: false,
            open: keys.iter().map(call).collect(),
            waiting: Vec::new(),
            taken: Vec::new(),
            lone: Vec::new(),
            ended: VecDeque::new(),
        }
    }

    /// What is known next. It waits only for loads that have begun, or wait for their permit.
    ///
    /// # Cancel safety
    ///
    /// Dropped while waiting, it leaves every load.
    pub(crate) async fn next(&mut self) -> Next<'a, 'k, K, V> {
        loop {
            if let Some(ended) = self.ended.pop_front() {
                return ended;
            }
            self.join();
            if let Some(leads) = self.lead().await {
                return Next::Lead(leads);
            }
            if self.ended.is_empty() {
                if self.waiting.is_empty() {
                    return Next::Done;
                }
                self.wait().await;
            }
        }
    }

    /// Enters loads of the keys that are in none, or becomes one of their waiters.
    fn join(&mut self) {
        let engine = self.engine;
        for mut call in take(&mut self.open) {
            let (key, hash, arrived) = (call.key, call.hash, engine.clock().now());
            let next_at_arrival = &mut call.next_at_arrival;
            let storing = (self.storing)();
            let joined =
                (engine.store).join(hash, key, storing, arrived, call.wait, next_at_arrival);
            let may_share = !matches!(joined, Joined::WaitForNext(..));
            let guard = |id, has_turn| LoadGuard::new(engine, hash, key, id, has_turn);
            let (id, waiters) = match joined {
                Joined::Hit(value) => {
                    count(&engine.counters.shared_loads);
                    self.ended.push_back(Next::Value(key, value));
                    continue;
                }
                Joined::Turn(id) | Joined::Replacing(id) => {
                    if matches!(joined, Joined::Replacing(_)) {
                        engine.hung(key, HANGS);
                    }
                    let turn = TakenTurn {
                        guard: guard(id, true),
                        arrived,
                        has_waited: false,
                        is_lone: false,
                    };
                    self.taken.push(Taken { call, turn });
                    continue;
                }
                Joined::Wait(id, waiters) | Joined::WaitForNext(id, waiters) => (id, waiters),
            };
            let guard = guard(id, false);
            if nested::is_polled(|load| *load == guard.load()) {
                engine.hung(key, WAITS_FOR_ITSELF);
                drop(guard);
                let turn = engine.lone_turn(hash, key, storing);
                self.lone.push((key, turn.lead_alone()));
                continue;
            }
            self.waiting.push(Waiting {
                call,
                guard,
                waiters,
                may_share,
                arrived,
            });
        }
    }

    /// The keys whose turn it is, with one permit for all. `None` if there are none.
    async fn lead(&mut self) -> Option<Leads<'a, 'k, K, V>> {
        let mut permit = None;
        if let Some(first) = self.taken.first() {
            let (engine, mut waited) = (self.engine, false);
            permit = engine
                .permit(first.call.key, &mut self.patience, &mut waited)
                .await;
            for mut taken in take(&mut self.taken) {
                taken.turn.has_waited |= waited;
                if taken.turn.is_current() {
                    self.taken.push(taken);
                } else {
                    self.open.push(taken.call);
                }
            }
            self.join();
        }
        let begin = |taken: Taken<'a, 'k, K, V>| (taken.call.key, taken.turn.lead(None));
        let mut turns = take(&mut self.lone);
        turns.extend(take(&mut self.taken).into_iter().map(begin));
        (!turns.is_empty()).then_some(Leads { permit, turns })
    }

    /// Waits for loads of other callers, until one has failed, or it is this caller's turn, or it has
    /// to begin anew. It holds no turn meanwhile.
    async fn wait(&mut self) {
        let mut waiting: Vec<_> = take(&mut self.waiting).into_iter().map(Some).collect();
        // While it is not polled, it must not be in line: a turn that it is given would go to nobody.
        let mut ends: FuturesUnordered<_> = waiting
            .iter()
            .flatten()
            .map(|waiting| Arc::clone(&waiting.waiters))
            .enumerate()
            .map(|(place, waiters)| async move { (place, waiters.wait().await) })
            .collect();
        let mut goes_on = true;
        let mut is_over = false;
        loop {
            let next = if goes_on {
                let next = match self.stale_after() {
                    None => self.patience.wait(ends.next()).await,
                    Some(left) => match self.patience.wait(timeout(left, ends.next())).await {
                        Some(Err(_)) => {
                            self.serve_stale(&mut waiting);
                            break;
                        }
                        next => next.and_then(Result::ok),
                    },
                };
                is_over = next.is_none();
                next.flatten()
            } else {
                ends.next().now_or_never().flatten()
            };
            let Some((place, waited)) = next else { break };
            let ended = waiting[place].take();
            let ended = ended.expect("each wait ends once");
            goes_on &= self.ended(ended, waited);
        }
        drop(ends);
        let waiting = waiting.into_iter().flatten();
        if is_over {
            // A load that another caller has begun meanwhile is waited for anew.
            let limit = self.engine.options.load_wait;
            self.patience = Patience::new(limit);
            self.open.extend(waiting.map(|waiting| Call {
                wait: Wait::UpTo(nanos(limit)),
                ..waiting.call
            }));
        } else {
            self.waiting.extend(waiting);
        }
    }

    /// How long expired entries are not served yet; `None` if they are not, or have been.
    fn stale_after(&mut self) -> Option<Duration> {
        let limit = self.engine.options.stale_after.filter(|_| !cfg!(shuttle))?;
        if self.has_served_stale {
            return None;
        }
        let now = Instant::now();
        let at = *self.stale_at.get_or_insert_with(|| now + limit);
        Some(at.saturating_duration_since(now))
    }

    /// Ends the waits for keys that have an expired entry.
    fn serve_stale(&mut self, waiting: &mut [Option<Waiting<'a, 'k, K, V>>]) {
        self.has_served_stale = true;
        for waits in waiting {
            let key = waits.as_ref().map(|waiting| waiting.call.key);
            let stale = key.and_then(|key| Some((key, self.engine.stale(key, self.storing)?)));
            if let Some((key, value)) = stale {
                *waits = None;
                self.ended.push_back(Next::Value(key, value));
            }
        }
    }

    /// Takes note of how a wait has ended; whether there is nothing to do about it.
    fn ended(&mut self, ended: Waiting<'a, 'k, K, V>, waited: Waited<V>) -> bool {
        let Waiting {
            call,
            mut guard,
            may_share,
            arrived,
            ..
        } = ended;
        if let Waited::Ended(Ended::Failed(failure)) = &waited
            && may_share
            && failure.is::<Absent>()
        {
            return true;
        }
        match outcome(waited, may_share, arrived, self.is_own) {
            Outcome::Turn => {
                guard.take_turn();
                let turn = TakenTurn {
                    guard,
                    arrived,
                    has_waited: true,
                    is_lone: false,
                };
                self.taken.push(Taken { call, turn });
                false
            }
            Outcome::Value(value) => {
                count(&self.engine.counters.shared_loads);
                self.ended.push_back(Next::Value(call.key, value));
                true
            }
            Outcome::Failed(failure) => {
                self.ended.push_back(Next::Failed(call.key, failure));
                false
            }
            Outcome::Nothing => {
                self.open.push(call);
                false
            }
        }
    }
}
