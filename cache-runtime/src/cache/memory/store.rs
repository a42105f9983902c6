//! A bounded store that knows the loads on their way, and stores none that an eviction has
//! overtaken.
//!
//! A load is entered under its key before it begins ([`Store::join`]), and remembers the store's
//! generation. Evicting a key removes the entry and the load under one lock; so does a predicate,
//! shard by shard. What tags the value of a load carries is not known before it ends, so evicting a
//! tag only keeps later callers from sharing the load, and its value is looked at before it is
//! stored ([`evicted_tags`](super::evicted_tags)). Evicting everything advances the generation, which
//! every read and every store compares. A load that is no longer entered, or is of another
//! generation, is not stored. Neither is one that began while a [`Barriers`] was raised.
//! (Memcached at Facebook has leases for this: Nishtala et al., "Scaling Memcache at Facebook",
//! NSDI 2013.)
//!
//! The shards are our own, over `quick_cache`'s unsynchronised cache. Its synchronised one cannot
//! bar loads by a predicate, and its check and insert are two steps; here entries and loads are
//! under one lock.

use std::hash::Hash;
use std::sync::Arc;

use equivalent::Equivalent;

use super::entries::Discarded;
use super::entry::{Entry, NewEntry};
use super::generation::Generation;
use super::keys::hash;
use super::layout::Layout;
use super::load::{Beginning, Load, Storing, Waiting};
use super::part::Part;
use super::shard::Shard;
use super::tags::Tag;
use super::waiters::{Ended, Failure, Waiters};
use crate::barrier::Barriers;
use crate::cache::error::NotStored;
use crate::clock::{Nanos, precise};
use crate::counters::Cause;
use crate::remedy::Remedy;

pub(super) struct Store<K, V> {
    pub(super) shards: Box<[Part<K, V>]>,
    /// Advances when everything is evicted.
    generation: Generation,
    barriers: Barriers,
    layout: Layout,
}

/// What [`Store::join`] has found.
pub(super) enum Joined<V> {
    Hit(V),
    /// There was no load: one was entered under this id, and it is the caller's turn.
    Turn(u64),
    /// As `Turn`, beside a load that takes too long.
    Replacing(u64),
    /// A load that another caller has entered under this id.
    Wait(u64, Arc<Waiters<V>>),
    /// As `Wait`, and its value may be too old: it is waited for, so that there is one load at a time.
    WaitForNext(u64, Arc<Waiters<V>>),
}

/// Which loads of others a caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Always,
    /// Those that have not taken this long yet.
    UpTo(Nanos),
}

impl<K: Hash + Eq, V: Clone> Store<K, V> {
    pub(super) fn new(layout: Layout, barriers: Barriers, tagged: bool) -> Self {
        let part = |_| Part::new(Shard::new(&layout, 0, tagged));
        Self {
            shards: (0..layout.shards).map(part).collect(),
            generation: Generation::new(),
            barriers,
            layout,
        }
    }

    /// A number that changes with each [`remove_all`](Self::remove_all).
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// The part of a hash, selected by its middle bits: the table of a shard uses those at the
    /// ends.
    #[inline]
    fn part(&self, hash: u64) -> &Part<K, V> {
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }

    /// The entry, if `serve` agrees once it has seen when the entry expires.
    #[inline]
    pub(super) fn get<Q>(&self, key: &Q, serve: impl FnOnce(Nanos) -> bool) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = hash(key);
        let part = self.part(hash);
        let shard = part.read();
        let entry = shard.get(hash, key, self.generation());
        let served = entry.filter(|entry| serve(entry.expires()));
        part.count(served.is_some());
        served.map(|entry| entry.value.clone())
    }

    /// Like [`get`](Self::get), but it is not counted, and the entry must expire after
    /// `expires_after`.
    pub(super) fn peek<Q>(&self, key: &Q, expires_after: Nanos) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.look(key, expires_after, |entry| entry.value.clone())
    }

    /// Whether [`peek`](Self::peek) would find the entry.
    pub(super) fn contains<Q>(&self, key: &Q, expires_after: Nanos) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.look(key, expires_after, |_| ()).is_some()
    }

    fn look<Q, T>(
        &self,
        key: &Q,
        expires_after: Nanos,
        take: impl FnOnce(&Entry<V>) -> T,
    ) -> Option<T>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = hash(key);
        let shard = self.part(hash).read();
        let entry = shard.get(hash, key, self.generation())?;
        (expires_after < entry.expires()).then(|| take(entry))
    }

    /// Looks for the entry again, and then for a load of it; if there is neither, enters a load. A
    /// caller that receives an id must [`leave`](Self::leave) the load or [`store`](Self::store)
    /// its value.
    ///
    /// `next_at_arrival` keeps for the caller the id of the load that was next when it first came. A load
    /// with a smaller id began before.
    ///
    /// With [`Wait::UpTo`], it replaces a load that has taken as long. Those who wait for that load
    /// begin anew. It goes on, and may still be stored.
    pub(super) fn join<Q>(
        &self,
        hash: u64,
        key: &Q,
        storing: Storing,
        now: Nanos,
        wait: Wait,
        next_at_arrival: &mut Option<u64>,
    ) -> Joined<V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        // Dropped after the lock.
        let (_overtaken, _begin_anew);
        let mut shard = self.part(hash).write();
        let next_at_arrival = *next_at_arrival.get_or_insert(shard.next_id());
        let begun = self.begin(storing);
        if storing == Storing::Yes
            && let Some(entry) = shard.get(hash, key, begun.generation)
            && now < entry.expires()
        {
            return Joined::Hit(entry.value.clone());
        }
        let fresh_from = shard.fresh_from();
        // Those that began before an eviction by a tag go on beside the next: their values may not carry
        // the tag.
        let same =
            |load: &Load<K, V>| load.shared && load.id >= fresh_from && key.equivalent(&load.key);
        if let Ok(mut found) = shard.loads.find_entry(hash, same) {
            let load = found.get_mut();
            if let Wait::UpTo(limit) = wait
                && precise().saturating_sub(load.since) >= limit
            {
                load.shared = false;
                _begin_anew = std::mem::take(&mut load.callers.waiting);
                return Joined::Replacing(shard.enter(hash, key.to_owned(), begun, true));
            }
            if load.begun.serves(&begun) && load.begun.storing == storing {
                load.callers.number += 1;
                let waiters = load.callers.waiting.join();
                // Of an event that was confirmed meanwhile, nobody here may have heard.
                let is_old = storing == Storing::Bypassed && load.id < next_at_arrival;
                return if is_old && Remedy::FreshWhileBypassed.applies() {
                    Joined::WaitForNext(load.id, waiters)
                } else {
                    Joined::Wait(load.id, waiters)
                };
            }
            let (load, _) = found.remove();
            _overtaken = shard.set_aside(load);
        }
        Joined::Turn(shard.enter(hash, key.to_owned(), begun, true))
    }

    /// Enters a load that no other caller waits for; returns its id.
    pub(super) fn enter<Q>(&self, hash: u64, key: &Q, storing: Storing) -> u64
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let mut shard = self.part(hash).write();
        let begun = self.begin(storing);
        shard.enter(hash, key.to_owned(), begun, false)
    }

    /// How a load begins now. The caller holds the lock of the shard, so that the next eviction of
    /// the key finds the load.
    fn begin(&self, storing: Storing) -> Beginning {
        // Before the barriers: if everything has just been evicted, the load must not miss that the
        // barrier is raised.
        let generation = self.generation();
        Beginning {
            generation,
            raised: self.barriers.raised(),
            storing,
        }
    }

    /// Whether a caller that comes now may be given the value of a load.
    pub(super) fn is_current(&self, hash: u64, id: u64) -> bool {
        let shard = self.part(hash).read();
        let load = shard.loads.find(hash, |load| load.id == id);
        load.is_some_and(|load| {
            load.begun.serves(&self.begin(load.begun.storing)) && id >= shard.fresh_from()
        })
    }

    /// Whether nothing has happened since a load began because of which its value, which carries these
    /// tags, must not be stored elsewhere either. While a barrier is raised that is not known yet.
    pub(super) fn is_untouched(&self, hash: u64, id: u64, carried: &[Tag]) -> bool {
        // Before the load is looked for: once the barrier is lowered, this cache has evicted.
        if self.barriers.raised().is_some() {
            return false;
        }
        let shard = self.part(hash).read();
        let load = shard.loads.find(hash, |load| load.id == id);
        load.is_some_and(|load| {
            load.begun.raised.is_none()
                && load.begun.generation == self.generation()
                && !shard.bars(load, carried)
        })
    }

    /// Ends the caller's part in a load. If the caller has the turn, the next waiter receives it; if
    /// the load was overtaken, its waiters begin anew.
    pub(super) fn leave(&self, hash: u64, id: u64, has_turn: bool) {
        // Dropped after the lock is released.
        let (_gone, _begin_anew, waiters);
        let mut shard = self.part(hash).write();
        if let Ok(mut found) = shard.loads.find_entry(hash, |load| load.id == id) {
            let callers = &mut found.get_mut().callers;
            callers.number -= 1;
            if callers.number == 0 {
                (_gone, _) = found.remove();
                return;
            }
            waiters = callers.waiting.waiters().filter(|_| has_turn).cloned();
            drop(shard);
            if let Some(waiters) = waiters {
                waiters.hand_over();
            }
        } else if let Some(callers) = shard.overtaken.get_mut(&id) {
            callers.number -= 1;
            if callers.number == 0 || has_turn {
                _begin_anew = shard.overtaken.remove(&id);
            }
        }
    }

    /// Ends a load: stores the value, unless an eviction has overtaken it, and gives it to its
    /// waiters.
    pub(super) fn store(
        &self,
        hash: u64,
        id: u64,
        new: NewEntry<V>,
        now: Nanos,
    ) -> Result<(), NotStored> {
        // Dropped after the lock is released.
        let mut discarded = Discarded::default();
        let (mut ended, _older);
        let (result, awaited) = {
            let mut shard = self.part(hash).write();
            ended = shard.end(hash, id);
            // Cloned before the waiters are taken: if that panics, they begin anew.
            let awaited = ended.waiting().and_then(|waiting| {
                let entry = waiting.waiters().map(|_| new.entry.clone());
                entry.zip(waiting.take())
            });
            let result = self.check(&shard, ended.load.as_ref(), &new, now);
            if let Some(load) = ended.load.take_if(|_| result.is_ok()) {
                discarded.old = shard.renew(load.begun.generation, &self.layout);
                _older = shard.overtake_older(hash, &load);
                shard.insert(hash, load.key, new.entry, new.tags, now, &mut discarded);
                discarded.expired = shard.sweep(now, &self.layout);
            } else if result == Err(NotStored::TooHeavy) {
                shard.too_heavy();
            }
            (result, awaited)
        };
        if let Some((entry, waiters)) = awaited {
            waiters.end(Ended::Loaded(entry));
        }
        result
    }

    /// Ends a load that has failed: gives the error to its waiters.
    pub(super) fn fail(&self, hash: u64, id: u64, failure: Failure) {
        // Dropped after the lock is released.
        let mut ended = self.part(hash).write().end(hash, id);
        let waiters = ended.waiting().and_then(Waiting::take);
        if let Some(waiters) = waiters {
            waiters.end(Ended::Failed(failure));
        }
    }

    /// Whether a loaded value may be stored. The caller holds the lock of the shard.
    fn check(
        &self,
        shard: &Shard<K, V>,
        load: Option<&Load<K, V>>,
        new: &NewEntry<V>,
        now: Nanos,
    ) -> Result<(), NotStored> {
        // A load that an eviction has overtaken is not found.
        let load = load.ok_or(NotStored::Evicted)?;
        let begun = load.begun;
        if let Some(refusal) = new.refusal {
            Err(refusal)
        } else if begun.storing != Storing::Yes {
            Err(NotStored::Bypassed)
        } else if begun.generation != self.generation()
            || begun.raised.is_some()
            || shard.bars(load, &new.tags)
        {
            Err(NotStored::Evicted)
        } else if new.entry.expires() <= now {
            Err(NotStored::Expired)
        } else if new.entry.weight() > self.layout.heaviest {
            Err(NotStored::TooHeavy)
        } else {
            Ok(())
        }
    }

    /// Stores a value that was not loaded, and overtakes loads of its key.
    pub(super) fn insert(&self, key: K, new: NewEntry<V>, now: Nanos) -> Result<(), NotStored> {
        let NewEntry {
            entry,
            refusal,
            tags,
        } = new;
        let hash = hash(&key);
        let mut discarded = Discarded::default();
        let (_overtaken, _removed);
        let mut shard = self.part(hash).write();
        discarded.old = shard.renew(self.generation(), &self.layout);
        _overtaken = shard.overtake(hash, &key);
        let too_heavy = entry.weight() > self.layout.heaviest;
        if let Some(refusal) = refusal.or(too_heavy.then_some(NotStored::TooHeavy)) {
            // The old value must not outlive the new one.
            _removed = shard.remove(hash, &key, Cause::Removed, || now);
            if refusal == NotStored::TooHeavy {
                shard.too_heavy();
            }
            return Err(refusal);
        }
        shard.insert(hash, key, entry, tags, now, &mut discarded);
        discarded.expired = shard.sweep(now, &self.layout);
        Ok(())
    }

    /// Evicts an entry, and overtakes its loads. The time is asked for only if there is an entry.
    pub(super) fn remove<Q>(
        &self,
        key: &Q,
        cause: Cause,
        now: impl FnOnce() -> Nanos,
    ) -> Option<Entry<V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = hash(key);
        let (removed, _overtaken) = {
            let mut shard = self.part(hash).write();
            // The entries of an old generation have left already.
            let current = shard.is_of(self.generation());
            let removed = current.then(|| shard.remove(hash, key, cause, now));
            (removed.flatten(), shard.overtake(hash, key))
        };
        removed.map(|(_, entry)| entry)
    }

    /// Removes an entry if it expires by a time. Loads of its key go on.
    pub(super) fn remove_expired<Q>(&self, key: &Q, by: Nanos, now: Nanos)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = hash(key);
        // Dropped after the lock is released.
        let _removed;
        let mut shard = self.part(hash).write();
        let entry = shard.get(hash, key, self.generation());
        if entry.is_some_and(|entry| entry.expires() <= by) {
            _removed = shard.remove(hash, key, Cause::Removed, || now);
        }
    }

    /// Evicts the entries that are `stale`, and overtakes the loads of keys that are; returns how
    /// many entries were evicted. `evicted` is told of each, without a lock.
    pub(super) fn remove_matching(
        &self,
        stale: impl Fn(&K, Option<&V>) -> bool,
        cause: Cause,
        now: Nanos,
        mut evicted: impl FnMut(&K),
    ) -> usize {
        let mut removed = 0;
        for part in &self.shards {
            // Dropped after the lock is released.
            let (_overtaken, _old, taken);
            let mut shard = part.write();
            // The entries of an old generation have left already.
            _old = shard.renew(self.generation(), &self.layout);
            _overtaken = shard.overtake_matching(|key| stale(key, None));
            let stale = |key: &K, entry: &Entry<V>| stale(key, Some(&entry.value));
            taken = shard.take_matching(stale, cause, now);
            drop(shard);
            for (key, _) in &taken {
                evicted(&key.0);
            }
            removed += taken.len();
        }
        removed
    }

    /// Evicts the entries that carry a tag, and bars the loads whose values do; returns how many
    /// entries were evicted. `evicted` is told of each, without a lock.
    pub(super) fn remove_tagged(
        &self,
        tag: Tag,
        cause: Cause,
        now: Nanos,
        mut evicted: impl FnMut(&K),
    ) -> usize {
        let mut removed = 0;
        for part in &self.shards {
            // Dropped after the lock is released.
            let (_old, tagged);
            let mut shard = part.write();
            // The entries of an old generation have left already.
            _old = shard.renew(self.generation(), &self.layout);
            tagged = shard.take_tagged(tag, cause, now);
            drop(shard);
            for (key, _) in &tagged.taken {
                evicted(&key.0);
            }
            removed += tagged.taken.len();
        }
        removed
    }

    /// Evicts everything, and overtakes every load, in one step. The entries stay in memory until
    /// others are stored in their shard, or it is [reclaimed](Self::reclaim).
    #[inline]
    pub(super) fn remove_all(&self, cause: Cause) {
        self.generation.advance(cause);
    }

    /// The number of shards, for [`reclaim`](Self::reclaim).
    pub(super) fn parts(&self) -> usize {
        self.shards.len()
    }

    /// Frees the memory of a shard's entries, if everything was evicted since they were stored.
    pub(super) fn reclaim(&self, part: usize) {
        let old = {
            let mut shard = self.shards[part].write();
            shard.renew(self.generation(), &self.layout)
        };
        drop(old);
    }
}
