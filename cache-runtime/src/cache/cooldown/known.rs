//! When each cooldown ends.

use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;
use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::RawEntryMut;

use super::named::Named;
use crate::cache::key::{LoadKey, LookupKey};
use crate::clock::Nanos;

/// How many ended cooldowns of each kind a call removes: more than it adds, so that they do not pile up.
const SWEPT: usize = 2;
/// The most keys that a call removes: those of both kinds, one to make room, and its own.
const REMOVED: usize = 2 * SWEPT + 2;
/// An empty map gives back its memory if it has room for more than this many keys.
const KEPT: usize = 1024;

/// Cooldowns of the usual length, in the order of their ends.
type Usual<K> = LinkedHashMap<K, Nanos, RandomState>;

/// The cooldowns that were started and not removed yet. A key is of one kind only.
pub(super) struct Known<K> {
    usual: Usual<K>,
    named: Named<K>,
}

/// What a call removes. It is dropped after the lock is released, because dropping a key is the user's
/// code.
pub(super) struct Removed<K> {
    keys: [Option<K>; REMOVED],
    usual: Option<Usual<K>>,
    named: Option<Named<K>>,
}

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self {
            usual: Usual::default(),
            named: Named::default(),
        }
    }
}

impl<K> Default for Removed<K> {
    fn default() -> Self {
        Self {
            keys: [const { None }; REMOVED],
            usual: None,
            named: None,
        }
    }
}

impl<K> Removed<K> {
    /// Keeps a key. Returns its end.
    fn keep(&mut self, (key, end): (K, Nanos)) -> Nanos {
        if let Some(place) = self.keys.iter_mut().find(|place| place.is_none()) {
            *place = Some(key);
        }
        end
    }
}

impl<K> Known<K> {
    pub(super) fn len(&self) -> usize {
        self.usual.len() + self.named.len()
    }
}

impl<K: Hash + Eq> Known<K> {
    /// When the cooldown of a key ends, or has ended.
    pub(super) fn end<Q>(&self, key: &Q) -> Option<Nanos>
    where
        Q: LookupKey<K> + ?Sized,
    {
        let hash = self.usual.hasher().hash_one(key);
        let usual = self.usual.raw_entry();
        let usual = usual.from_hash(hash, |own| key.equivalent(own));
        usual.map_or_else(|| self.named.end(key), |(_, end)| Some(*end))
    }

    /// Starts a cooldown of the usual length, which ends after all others of that length.
    pub(super) fn start<Q>(&mut self, key: &Q, end: Nanos, removed: &mut Removed<K>)
    where
        Q: LoadKey<K> + ?Sized,
    {
        if let RawEntryMut::Occupied(mut entry) = self.find(key) {
            *entry.get_mut() = end;
            entry.to_back();
            return;
        }
        self.named.remove(key).map(|key| removed.keep(key));
        self.usual.insert(key.to_owned(), end);
    }

    /// Starts a cooldown with an end of its own.
    pub(super) fn start_until<Q>(&mut self, key: &Q, end: Nanos, removed: &mut Removed<K>)
    where
        Q: LoadKey<K> + ?Sized,
    {
        self.remove(key, removed);
        self.named.insert(key, end);
    }

    /// Removes the cooldown of a key. Returns its end.
    pub(super) fn remove<Q>(&mut self, key: &Q, removed: &mut Removed<K>) -> Option<Nanos>
    where
        Q: LookupKey<K> + ?Sized,
    {
        let found = match self.find(key) {
            RawEntryMut::Occupied(entry) => Some(entry.remove_entry()),
            RawEntryMut::Vacant(_) => self.named.remove(key),
        };
        self.give_back(removed);
        found.map(|key| removed.keep(key))
    }

    /// Forgets the cooldown of the usual length that was started first, or else the one that ends first.
    /// Returns its end.
    pub(super) fn forget(&mut self, removed: &mut Removed<K>) -> Option<Nanos> {
        let first = self.usual.pop_front().or_else(|| self.named.pop_first());
        first.map(|key| removed.keep(key))
    }

    /// Removes some cooldowns that have ended.
    pub(super) fn sweep(&mut self, now: Nanos, removed: &mut Removed<K>) {
        for _ in 0..SWEPT {
            if self.usual.front().is_some_and(|(_, end)| *end <= now) {
                self.usual.pop_front().map(|key| removed.keep(key));
            }
            if self.named.first().is_some_and(|end| end <= now) {
                self.named.pop_first().map(|key| removed.keep(key));
            }
        }
        self.give_back(removed);
    }

    fn find<'a, Q>(&'a mut self, key: &Q) -> RawEntryMut<'a, K, Nanos, RandomState>
    where
        Q: LookupKey<K> + ?Sized,
    {
        let hash = self.usual.hasher().hash_one(key);
        let entry = self.usual.raw_entry_mut();
        entry.from_hash(hash, |own| key.equivalent(own))
    }

    /// Gives back the memory of large maps that are empty.
    fn give_back(&mut self, removed: &mut Removed<K>) {
        if self.usual.is_empty() && self.usual.capacity() > KEPT {
            removed.usual = Some(std::mem::take(&mut self.usual));
        }
        if self.named.len() == 0 && self.named.capacity() > KEPT {
            removed.named = Some(std::mem::take(&mut self.named));
        }
    }
}
