//! What is to be deleted in Redis together.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::keys::Keys;
use crate::cache::Evict;
use crate::transport::EntryKeys;

/// The most bytes of the keys that are deleted together, with [`OVERHEAD`]: 4 MiB. More turn into a
/// deletion of everything.
pub(super) const KEY_BYTES: usize = 4 * 1024 * 1024;
/// What a key takes beside its own bytes.
pub(super) const OVERHEAD: usize = 64;

/// Entries, and groups of entries.
#[derive(Default)]
pub(super) struct Batch {
    keys: HashSet<Box<str>>,
    groups: HashSet<Box<str>>,
    bytes: usize,
    everything: bool,
}

/// An entry, and its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) key: &'a str,
    pub(super) group: Option<&'a str>,
}

/// An entry that is in no group.
#[cfg(test)]
impl<'a, K: AsRef<str> + ?Sized> From<&'a K> for Of<'a> {
    fn from(key: &'a K) -> Self {
        let key = key.as_ref();
        Self { key, group: None }
    }
}

impl Batch {
    /// Where entries are `grouped`, their groups are their tags.
    pub(super) fn add(&mut self, evict: &Evict<String>, grouped: bool) {
        match evict {
            Evict::Key(key) => self.add_key(key),
            Evict::Keys(keys) => keys.iter().for_each(|key| self.add_key(key)),
            Evict::Tags(groups) if grouped => groups.iter().for_each(|group| self.add_group(group)),
            // Redis cannot evaluate a predicate, and knows no tags, so everything is deleted.
            Evict::Matching(_) | Evict::MatchingEntry(_) | Evict::All => self.everything = true,
            Evict::Tags(tags) => self.everything |= !tags.is_empty(),
            Evict::Nothing => {}
        }
        self.settle();
    }

    fn add_key(&mut self, key: &str) {
        if self.has_room() && !self.keys.contains(key) {
            self.bytes += key.len() + OVERHEAD;
            self.keys.insert(key.into());
        }
    }

    fn add_group(&mut self, group: &str) {
        if self.has_room() && !self.groups.contains(group) {
            self.bytes += group.len() + OVERHEAD;
            self.groups.insert(group.into());
        }
    }

    fn has_room(&self) -> bool {
        !self.everything && self.bytes <= KEY_BYTES
    }

    /// Too many keys become everything.
    fn settle(&mut self) {
        self.everything |= self.bytes > KEY_BYTES;
        if self.everything {
            *self = Self {
                everything: true,
                ..Self::default()
            };
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.everything |= other.everything;
        other.keys.iter().for_each(|key| self.add_key(key));
        other.groups.iter().for_each(|group| self.add_group(group));
        self.settle();
    }

    pub(super) fn covers(&self, entry: Of<'_>) -> bool {
        self.everything
            || self.keys.contains(entry.key)
            || (entry.group).is_some_and(|group| self.groups.contains(group))
    }

    /// The keys in Redis to delete. Without the key of a generation, no value of the cache, or of the
    /// group, can be found, and each expires by its TTL.
    pub(super) fn in_redis(&self, keys: &Keys) -> Vec<String> {
        if self.everything {
            return keys.generations();
        }
        let delete = || {
            let entries = self.keys.iter().map(|key| keys.of(key));
            let entries = entries.flat_map(EntryKeys::evicted);
            let groups = self.groups.iter().map(|group| keys.group(group));
            entries.chain(groups).collect()
        };
        // The user's code says which group an entry is in. If it panics, it is not known where the
        // entry is.
        catch_unwind(AssertUnwindSafe(delete)).unwrap_or_else(|_| keys.generations())
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.everything && self.keys.is_empty() && self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Batch {
        pub(in crate::cache::redis) fn is_everything(&self) -> bool {
            self.everything
        }

        /// The number of keys and groups.
        pub(in crate::cache::redis) fn len(&self) -> usize {
            self.keys.len() + self.groups.len()
        }
    }

    fn batch(evict: &Evict<String>, grouped: bool) -> Batch {
        let mut batch = Batch::default();
        batch.add(evict, grouped);
        batch
    }

    #[test]
    fn a_group_covers_its_entries_only() {
        let group = |group| Of {
            key: "a",
            group: Some(group),
        };
        let mut of_groups = batch(&Evict::tags(["1", "2"]), true);
        assert!(of_groups.covers(group("1")) && of_groups.covers(group("2")));
        assert!(!of_groups.covers(group("3")) && !of_groups.covers("1".into()));
        let mut other = batch(&Evict::tags([3]), true);
        other.join(&of_groups);
        assert_eq!((other.len(), other.is_everything()), (3, false));
        of_groups.join(&batch(&Evict::All, true));
        assert!(of_groups.covers(group("3")));
    }

    #[test]
    fn tags_are_everything_where_there_are_no_groups() {
        assert!(batch(&Evict::tags(["1"]), false).is_everything());
        for grouped in [false, true] {
            assert!(batch(&Evict::tags([""; 0]), grouped).is_empty());
        }
    }

    #[test]
    fn too_many_groups_are_everything() {
        let width = 1024 - OVERHEAD;
        let groups = |number| Evict::tags((0..number).map(|group| format!("{group:width$}")));
        assert!(!batch(&groups(KEY_BYTES / 1024), true).is_everything());
        assert!(batch(&groups(KEY_BYTES / 1024 + 1), true).is_everything());
    }
}
