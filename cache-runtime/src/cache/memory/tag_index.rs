//! Which entries of a shard carry which tags.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Entry;
use super::tags::Tag;

/// The tags of every entry of a shard, and the entries of every tag. Ordered, because an ordered
/// collection gives memory back as it shrinks.
#[derive(Default)]
pub(super) struct TagIndex {
    carriers: BTreeSet<(Tag, EntryId)>,
    tags: BTreeMap<EntryId, Carried>,
}

/// What an entry is known by: the hash of its key, and its stamp. It takes no memory of the entry
/// itself. Two entries rarely share one, and then each counts as carrying the tags of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    hash: u64,
    stamp: u64,
}

/// The tags of the entries of one id, each once, and the number of these entries.
struct Carried {
    tags: Box<[Tag]>,
    entries: usize,
}

impl EntryId {
    pub(super) fn new<V>(hash: u64, entry: &Entry<V>) -> Self {
        let stamp = entry.stamp();
        Self { hash, stamp }
    }

    const LEAST: Self = Self {
        hash: u64::MIN,
        stamp: u64::MIN,
    };
    const GREATEST: Self = Self {
        hash: u64::MAX,
        stamp: u64::MAX,
    };
}

impl TagIndex {
    /// An entry has come. One without tags is counted too: it may share its id with one that has
    /// tags, and must not take that with it when it leaves.
    pub(super) fn enter(&mut self, id: EntryId, mut tags: Vec<Tag>) {
        let mut entries = 1;
        if let Some(same) = self.tags.remove(&id) {
            tags.extend(same.tags);
            entries += same.entries;
        }
        tags.sort_unstable();
        tags.dedup();
        self.carriers.extend(tags.iter().map(|tag| (*tag, id)));
        let tags = tags.into_boxed_slice();
        self.tags.insert(id, Carried { tags, entries });
    }

    /// An entry has left.
    pub(super) fn leave(&mut self, id: EntryId) {
        let Some(carried) = self.tags.get_mut(&id) else {
            return;
        };
        carried.entries -= 1;
        if carried.entries > 0 {
            return;
        }
        for tag in self.tags.remove(&id).into_iter().flat_map(|gone| gone.tags) {
            self.carriers.remove(&(tag, id));
        }
    }

    /// The hashes of the keys of the entries that carry a tag, each once.
    pub(super) fn carriers(&self, tag: Tag) -> Vec<u64> {
        let range = (tag, EntryId::LEAST)..=(tag, EntryId::GREATEST);
        let carriers = self.carriers.range(range);
        let mut hashes: Vec<_> = carriers.map(|(_, id)| id.hash).collect();
        hashes.dedup();
        hashes
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn id(hash: u64, stamp: u64) -> EntryId {
        EntryId { hash, stamp }
    }

    fn tag(text: &str) -> Tag {
        Tag::new(text).expect("it is displayed")
    }

    fn tags<const N: usize>(texts: [&str; N]) -> Vec<Tag> {
        texts.map(tag).into()
    }

    impl TagIndex {
        fn is_empty(&self) -> bool {
            self.carriers.is_empty() && self.tags.is_empty()
        }
    }

    #[test]
    fn an_entry_is_found_by_each_of_its_tags_until_it_leaves() {
        let mut index = TagIndex::default();
        index.enter(id(1, 9), tags(["a", "b", "a"]));
        index.enter(id(2, 9), tags(["b"]));
        index.enter(id(3, 9), tags([]));
        assert_eq!(index.carriers(tag("a")), [1]);
        assert_eq!(index.carriers(tag("b")), [1, 2]);
        assert_eq!(index.carriers(tag("c")), Vec::<u64>::new());
        index.leave(id(1, 9));
        assert_eq!(index.carriers(tag("a")), Vec::<u64>::new());
        assert_eq!(index.carriers(tag("b")), [2]);
        index.leave(id(2, 9));
        index.leave(id(3, 9));
        assert!(index.is_empty());
        index.leave(id(3, 9));
    }

    #[test]
    fn entries_of_keys_with_the_same_hash_are_told_apart_by_their_stamps() {
        let mut index = TagIndex::default();
        index.enter(id(1, 8), tags(["a"]));
        index.enter(id(1, 9), tags(["a", "b"]));
        assert_eq!(index.carriers(tag("a")), [1]);
        index.leave(id(1, 9));
        assert_eq!(index.carriers(tag("a")), [1]);
        assert_eq!(index.carriers(tag("b")), Vec::<u64>::new());
    }

    #[test]
    fn entries_of_one_id_are_found_until_the_last_leaves() {
        for second in [tags(["b"]), tags([])] {
            let mut index = TagIndex::default();
            index.enter(id(1, 9), tags(["a"]));
            index.enter(id(1, 9), second);
            index.leave(id(1, 9));
            assert_eq!(index.carriers(tag("a")), [1]);
            index.leave(id(1, 9));
            assert!(index.is_empty());
        }
    }
}
