//! One part of a store: its entries, and the loads on their way, under one lock.

use std::collections::HashMap;
use std::hash::Hash;
use std::iter::{once, repeat};

use equivalent::Equivalent;
use hashbrown::HashTable;

use super::entries::{Discarded, Entries, Old, entries};
use super::entry::Entry;
use super::evicted_tags::EvictedTags;
use super::generation::ended_by;
use super::keys::{At, OfHash, Probe, Stored, hash as hash_of};
use super::layout::Layout;
use super::load::{Beginning, Callers, EndedLoad, Load};
use super::tag_index::{EntryId, TagIndex};
use super::tags::Tag;
use crate::clock::{Nanos, precise};
use crate::counters::{Cause, Evictions};
use crate::remedy::Remedy;

pub(super) struct Shard<K, V> {
    /// The generation of all entries. If the generation of the store differs, no entry may be
    /// served.
    generation: u64,
    entries: Entries<K, V>,
    /// The loads on their way. A load that an eviction has overtaken is not here any more, and
    /// stores nothing.
    pub(super) loads: HashTable<Load<K, V>>,
    /// The callers of loads that were overtaken, by the load's id. They came before the eviction, so
    /// they may have the value.
    pub(super) overtaken: HashMap<u64, Callers<V>>,
    /// The id of the next load.
    next_id: u64,
    sweep_at: Nanos,
    account: Account,
    /// `None` in a cache whose entries have no tags.
    tags: Option<Box<Tags>>,
}

/// What a shard knows of tags.
#[derive(Default)]
struct Tags {
    index: TagIndex,
    evicted: EvictedTags,
}

/// How entries have come and gone. It adds up: what was stored is there, or has left.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) stored: u64,
    pub(super) too_heavy: u64,
    pub(super) evictions: Evictions,
}

impl<K: Hash + Eq, V: Clone> Shard<K, V> {
    pub(super) fn new(layout: &Layout, generation: u64, tagged: bool) -> Self {
        Self {
            generation,
            entries: entries(layout),
            loads: HashTable::new(),
            overtaken: HashMap::new(),
            next_id: 0,
            sweep_at: 0,
            account: Account::default(),
            tags: tagged.then(Box::default),
        }
    }

    /// The entry, if it is of this generation; it may have expired.
    #[inline]
    pub(super) fn get<Q>(&self, hash: u64, key: &Q, generation: u64) -> Option<&Entry<V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let entry = self.entries.get(&Probe { hash, key })?;
        self.is_of(generation).then_some(entry)
    }

    pub(super) fn insert(
        &mut self,
        hash: u64,
        key: K,
        entry: Entry<V>,
        tags: Vec<Tag>,
        now: Nanos,
        discarded: &mut Discarded<K, V>,
    ) {
        let replaces = self.entries.peek(&Probe { hash, key: &key }).is_some();
        let evicted = &mut discarded.evicted;
        let id = EntryId::new(hash, &entry);
        self.entries
            .insert_with_lifecycle(Stored(key), entry, evicted);
        self.account.stored += 1;
        // The one that is replaced comes first.
        let first = if replaces {
            Cause::Replaced
        } else {
            Cause::Capacity
        };
        let causes = once(first).chain(repeat(Cause::Capacity));
        for ((_, entry), cause) in evicted.iter().zip(causes) {
            self.account.left(entry, cause, now);
        }
        if let Some(known) = &mut self.tags {
            let id_of = |(key, entry): &(Stored<K>, Entry<V>)| EntryId::new(hash_of(&key.0), entry);
            let mut left = evicted.iter().map(id_of);
            // In this order: the one that is replaced may have the id of the new one, which may be
            // evicted at once.
            if let Some(replaced) = replaces.then(|| left.next()).flatten() {
                known.index.leave(replaced);
            }
            known.index.enter(id, tags);
            left.for_each(|id| known.index.leave(id));
        }
    }

    /// The time is asked for only if there is an entry.
    pub(super) fn remove<Q>(
        &mut self,
        hash: u64,
        key: &Q,
        cause: Cause,
        now: impl FnOnce() -> Nanos,
    ) -> Option<(Stored<K>, Entry<V>)>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let removed = self.entries.remove(&Probe { hash, key });
        if let Some((_, entry)) = &removed {
            self.left(|| hash, entry, cause, now());
        }
        removed
    }

    /// An entry has left. The hash of its key is asked for only if entries have tags.
    fn left(&mut self, hash: impl FnOnce() -> u64, entry: &Entry<V>, cause: Cause, now: Nanos) {
        self.account.left(entry, cause, now);
        if let Some(tags) = &mut self.tags {
            tags.index.leave(EntryId::new(hash(), entry));
        }
    }

    /// Counts a value that is not stored because its entry is too heavy.
    pub(super) fn too_heavy(&mut self) {
        self.account.too_heavy += 1;
    }

    /// Enters a load; returns its id.
    pub(super) fn enter(&mut self, hash: u64, key: K, begun: Beginning, shared: bool) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let load = Load {
            key,
            id,
            begun,
            since: precise(),
            shared,
            callers: Callers::one(),
        };
        self.loads
            .insert_unique(hash, load, |load| hash_of(&load.key));
        id
    }

    /// Takes the loads of a key out, so that they cannot be stored. The caller drops the keys after
    /// the lock is released.
    pub(super) fn overtake<Q>(&mut self, hash: u64, key: &Q) -> Vec<K>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.overtake_each(hash, |load| key.equivalent(&load.key))
    }

    /// Like [`overtake`](Self::overtake), for the loads that began before the last eviction by a tag,
    /// and before a load of the same key that is stored now.
    pub(super) fn overtake_older(&mut self, hash: u64, stored: &Load<K, V>) -> Vec<K> {
        let before = stored.id.min(self.fresh_from());
        self.overtake_each(hash, |load| load.id < before && load.key == stored.key)
    }

    fn overtake_each(&mut self, hash: u64, is_stale: impl Fn(&Load<K, V>) -> bool) -> Vec<K> {
        let mut overtaken = Vec::new();
        if self.loads.is_empty() || !Remedy::LoadToken.applies() {
            return overtaken;
        }
        while let Ok(load) = self.loads.find_entry(hash, &is_stale) {
            let (load, _) = load.remove();
            overtaken.push(self.set_aside(load));
        }
        overtaken
    }

    /// Like [`overtake`](Self::overtake), for the loads of all keys that are `stale`.
    pub(super) fn overtake_matching(&mut self, stale: impl Fn(&K) -> bool) -> Vec<K> {
        let overtaken: Vec<_> = self.loads.extract_if(|load| stale(&load.key)).collect();
        let keys = overtaken.into_iter().map(|load| self.set_aside(load));
        keys.collect()
    }

    /// Takes a load out that has ended. The caller drops it after the lock is released.
    pub(super) fn end(&mut self, hash: u64, id: u64) -> EndedLoad<K, V> {
        let found = self.loads.find_entry(hash, |load| load.id == id);
        EndedLoad {
            load: found.ok().map(|found| found.remove().0),
            overtaken: self.overtaken.remove(&id),
        }
    }

    /// Keeps the callers of a load that was taken out, if any wait; returns its key.
    pub(super) fn set_aside(&mut self, load: Load<K, V>) -> K {
        if load.callers.waiting.waiters().is_some() {
            self.overtaken.insert(load.id, load.callers);
        }
        load.key
    }

    /// Takes out the entries that are `stale`. The caller drops them after the lock is released.
    ///
    /// `retain` of the entries would drop them under the lock, and a value whose `Drop` uses the
    /// cache would wait for it.
    pub(super) fn take_matching(
        &mut self,
        stale: impl Fn(&K, &Entry<V>) -> bool,
        cause: Cause,
        now: Nanos,
    ) -> Vec<(Stored<K>, Entry<V>)> {
        let stale = self
            .entries
            .iter()
            .filter(|(key, entry)| stale(&key.0, entry));
        let stale: Vec<At> = stale.map(|(key, _)| At::of(key)).collect();
        let taken = stale.iter().filter_map(|at| self.entries.remove(at));
        let taken: Vec<_> = taken.collect();
        for (key, entry) in &taken {
            self.left(|| hash_of(&key.0), entry, cause, now);
        }
        taken
    }

    /// Takes out the entries that carry a tag, and bars loads on their way whose values do. The
    /// caller drops what is returned after the lock is released.
    pub(super) fn take_tagged(&mut self, tag: Tag, cause: Cause, now: Nanos) -> Tagged<K, V> {
        let mut tagged = Tagged::default();
        let Some(tags) = &mut self.tags else {
            return tagged;
        };
        if self.loads.is_empty() {
            tags.evicted.forget();
        } else if tags.evicted.add(tag, self.next_id).is_err() {
            tagged.overtaken = self.overtake_matching(|_| true);
        }
        let Some(tags) = &self.tags else {
            return tagged;
        };
        for hash in tags.index.carriers(tag) {
            let same = std::iter::from_fn(|| self.entries.remove(&OfHash(hash)));
            tagged.taken.extend(same);
        }
        for (key, entry) in &tagged.taken {
            self.left(|| hash_of(&key.0), entry, cause, now);
        }
        tagged
    }

    /// The id of the first load that has begun after the last eviction by a tag. Later callers are not
    /// given the values of those before it.
    pub(super) fn fresh_from(&self) -> u64 {
        let tags = self.tags.as_ref();
        tags.map_or(0, |tags| tags.evicted.fresh_from())
    }

    /// Whether a tag was evicted since a load began, and its value carries it.
    pub(super) fn bars(&self, load: &Load<K, V>, carried: &[Tag]) -> bool {
        let mut tags = self.tags.iter();
        tags.any(|tags| tags.evicted.bar(load.id, carried))
    }

    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// Begins a new generation; returns the entries of the old one.
    pub(super) fn renew(&mut self, generation: u64, layout: &Layout) -> Option<Old<K, V>> {
        if self.is_of(generation) {
            return None;
        }
        self.account = self.account(generation);
        self.generation = generation;
        let tags = self.tags.as_mut();
        Some(Old {
            _entries: std::mem::replace(&mut self.entries, entries(layout)),
            _tags: tags.map(|tags| std::mem::take(&mut tags.index)),
        })
    }

    /// Takes out what has expired, if the next sweep is due. The caller drops it after the lock is
    /// released.
    pub(super) fn sweep(&mut self, now: Nanos, layout: &Layout) -> Vec<(Stored<K>, Entry<V>)> {
        if now < self.sweep_at {
            return Vec::new();
        }
        self.sweep_at = now + layout.sweep_every;
        let keep = layout.keep_expired;
        let over = |_: &K, entry: &Entry<V>| entry.expires().saturating_add(keep) <= now;
        self.take_matching(over, Cause::Expired, now)
    }

    pub(super) fn iter(&self, generation: u64) -> impl Iterator<Item = (&K, &Entry<V>)> {
        let entries = self
            .is_of(generation)
            .then(|| self.entries.iter())
            .into_iter()
            .flatten();
        entries.map(|(key, entry)| (&key.0, entry))
    }

    /// How entries have come and gone. Those of an old generation have gone.
    pub(super) fn account(&self, generation: u64) -> Account {
        let mut account = self.account;
        if !self.is_of(generation) {
            let cause = ended_by(self.generation, generation);
            account.evictions.add(cause, self.entries.len() as u64);
        }
        account
    }

    /// The id of the load that begins next.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    pub(super) fn weight(&self, generation: u64) -> u64 {
        if self.is_of(generation) {
            self.entries.weight()
        } else {
            0
        }
    }

    pub(super) fn len(&self, generation: u64) -> usize {
        if self.is_of(generation) {
            self.entries.len()
        } else {
            0
        }
    }
}

/// What an eviction by a tag takes out of a shard.
pub(super) struct Tagged<K, V> {
    pub(super) taken: Vec<(Stored<K>, Entry<V>)>,
    overtaken: Vec<K>,
}

impl<K, V> Default for Tagged<K, V> {
    fn default() -> Self {
        Self {
            taken: Vec::new(),
            overtaken: Vec::new(),
        }
    }
}

impl Account {
    /// Counts an entry that has left.
    fn left<V>(&mut self, entry: &Entry<V>, cause: Cause, now: Nanos) {
        let expired = entry.expires() <= now;
        let cause = if expired { Cause::Expired } else { cause };
        self.evictions.add(cause, 1);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.too_heavy += other.too_heavy;
        self.evictions += other.evictions;
    }
}
