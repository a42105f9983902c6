//! What an engine evicts.

use std::any::type_name;
use std::fmt::Display;
use std::hash::Hash;

use equivalent::Equivalent;
use tracing::warn;

use super::engine::Engine;
use super::tags::Tag;
use crate::cache::evict::Evict;
use crate::counters::Cause;

/// Whether an eviction has evicted everything. Its entries are in memory until they are
/// [reclaimed](Engine::reclaim).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what was evicted with everything else is still in memory"]
pub(crate) enum Extent {
    Everything,
    Some,
}

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    pub(crate) fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let now = || self.clock().now();
        let entry = self.store.remove(key, Cause::Removed, now)?;
        self.evicted(key);
        (self.clock().now() < entry.expires()).then_some(entry.value)
    }

    /// Evicts what is `stale`, and overtakes the loads of keys that are, whatever their values.
    pub(crate) fn remove_matching(
        &self,
        stale: impl Fn(&K, Option<&V>) -> bool,
        cause: Cause,
    ) -> usize {
        let evicted = |key: &K| self.evicted(key);
        (self.store).remove_matching(stale, cause, self.clock().now(), evicted)
    }

    /// Evicts everything, and frees its memory.
    pub(crate) fn clear(&self) {
        self.store.remove_all(Cause::Removed);
        for part in 0..self.parts() {
            self.reclaim(part);
        }
        self.all_evicted();
    }

    /// Evicts the entries that carry a tag; returns how many, or `None` if everything was evicted,
    /// because it is not known which entries carry it.
    pub(crate) fn remove_tag<T: Display + ?Sized>(&self, tag: &T, cause: Cause) -> Option<usize> {
        let why = "it does not say which tags its entries carry";
        let known = self.is_tagged().then(|| Tag::new(tag)).ok_or(why);
        let known = known.and_then(|tag| tag.map_err(|_| "the tag cannot be displayed"));
        let Ok(tag) = known.inspect_err(|why| {
            if let Some(skipped) = self.logs.tags.admit() {
                warn!(
                    cache = %self.name(), why, skipped,
                    "an eviction by tag has evicted everything"
                );
            }
        }) else {
            self.store.remove_all(cause);
            self.all_evicted();
            return None;
        };
        let evicted = |key: &K| self.evicted(key);
        Some((self.store).remove_tagged(tag, cause, self.clock().now(), evicted))
    }
}

impl<K: Hash + Eq + 'static, V: Clone + 'static> Engine<K, V> {
    /// Evicts, and overtakes every load that the eviction covers.
    pub(crate) fn evict(&self, evict: &Evict<K>, cause: Cause) -> Extent {
        let remove = |key: &K| {
            let entry = self.store.remove(key, cause, || self.clock().now());
            if entry.is_some() {
                self.evicted(key);
            }
        };
        match evict {
            Evict::Key(key) => remove(key),
            Evict::Keys(keys) => keys.iter().for_each(remove),
            Evict::Matching(matches) => {
                self.remove_matching(|key, _| matches(key), cause);
            }
            Evict::MatchingEntry(predicate) => {
                let Some(accepts) = predicate.over::<V>() else {
                    self.warn_of_value(predicate.value(), type_name::<V>());
                    return self.evict(&Evict::All, cause);
                };
                // The value of a load on its way is not known yet.
                let stale =
                    |key: &K, value: Option<&V>| value.is_none_or(|value| accepts(key, value));
                self.remove_matching(stale, cause);
            }
            Evict::Tags(tags) => {
                for tag in tags {
                    if self.remove_tag(tag, cause).is_none() {
                        return Extent::Everything;
                    }
                }
            }
            Evict::All => {
                self.store.remove_all(cause);
                self.all_evicted();
                return Extent::Everything;
            }
            Evict::Nothing => {}
        }
        Extent::Some
    }
}

impl<K, V> Engine<K, V> {
    /// A predicate over values of one type has reached a cache of values of another.
    pub(crate) fn warn_of_value(&self, predicate: &'static str, values: &'static str) {
        if let Some(skipped) = self.logs.predicates.admit() {
            warn!(
                cache = %self.name, predicate, values, skipped,
                "an eviction by value is about values of another type than the cache's; \
                 everything was evicted"
            );
        }
    }
}
