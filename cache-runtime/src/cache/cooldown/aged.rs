//! Keys with the time at which each came, found by key and in the order in which they came, each
//! in a constant time.

use equivalent::Equivalent;
use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;

use crate::clock::Nanos;

/// No position.
const NONE: u32 = u32::MAX;
/// Emptied, it gives back the memory of more than this many keys.
const KEPT: usize = 1024;

/// A list of keys, linked in the order in which they came, and an index of it.
pub(super) struct Aged<K> {
    /// Positions in `nodes`.
    index: HashTable<u32>,
    nodes: Vec<Node<K>>,
    oldest: u32,
    newest: u32,
    /// The first of the unused nodes, linked by `newer`.
    unused: u32,
}

struct Node<K> {
    /// `None` while it is unused.
    key: Option<K>,
    hash: u64,
    at: Nanos,
    older: u32,
    newer: u32,
}

impl<K> Aged<K> {
    pub(super) fn new() -> Self {
        Self {
            index: HashTable::new(),
            nodes: Vec::new(),
            oldest: NONE,
            newest: NONE,
            unused: NONE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// When a key came.
    pub(super) fn get<Q>(&self, hash: u64, key: &Q) -> Option<Nanos>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let found = self.index.find(hash, |&at| self.node(at).is(key));
        found.map(|&at| self.node(at).at)
    }

    /// When the oldest came.
    pub(super) fn oldest(&self) -> Option<Nanos> {
        (self.oldest != NONE).then(|| self.node(self.oldest).at)
    }

    /// Adds a key that is not there, as the newest.
    pub(super) fn push(&mut self, hash: u64, key: K, at: Nanos) {
        let node = Node {
            key: Some(key),
            hash,
            at,
            older: NONE,
            newer: NONE,
        };
        let place = self.unused;
        let place = if place == NONE {
            self.nodes.push(node);
            u32::try_from(self.nodes.len() - 1).expect("it is bounded by less")
        } else {
            self.unused = self.node(place).newer;
            *self.node_mut(place) = node;
            place
        };
        let Self { index, nodes, .. } = self;
        index.insert_unique(hash, place, |&at| nodes[at as usize].hash);
        self.link(place);
    }

    /// Makes a key that is there the newest.
    pub(super) fn renew<Q>(&mut self, hash: u64, key: &Q, at: Nanos)
    where
        Q: Equivalent<K> + ?Sized,
    {
        let found = self.index.find(hash, |&at| self.node(at).is(key)).copied();
        if let Some(place) = found {
            self.unlink(place);
            self.node_mut(place).at = at;
            self.link(place);
        }
    }

    /// Removes a key; returns it, and when it came.
    pub(super) fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<(K, Nanos)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let Self { index, nodes, .. } = self;
        let found = index.find_entry(hash, |&at| nodes[at as usize].is(key));
        let place = found.ok().map(|found| OccupiedEntry::remove(found).0)?;
        self.vacate(place)
    }

    /// Removes the oldest.
    pub(super) fn pop(&mut self) -> Option<K> {
        let place = self.oldest;
        if place == NONE {
            return None;
        }
        let hash = self.node(place).hash;
        if let Ok(found) = self.index.find_entry(hash, |&at| at == place) {
            found.remove();
        }
        self.vacate(place).map(|(key, _)| key)
    }

    /// Takes the key from a node that is no longer in the index.
    fn vacate(&mut self, place: u32) -> Option<(K, Nanos)> {
        self.unlink(place);
        let unused = std::mem::replace(&mut self.unused, place);
        let node = self.node_mut(place);
        node.newer = unused;
        let (key, at) = (node.key.take(), node.at);
        if self.index.is_empty() && self.nodes.capacity() > KEPT {
            *self = Self::new();
        }
        key.map(|key| (key, at))
    }

    fn link(&mut self, place: u32) {
        let older = std::mem::replace(&mut self.newest, place);
        let node = self.node_mut(place);
        (node.older, node.newer) = (older, NONE);
        match older {
            NONE => self.oldest = place,
            older => self.node_mut(older).newer = place,
        }
    }

    fn unlink(&mut self, place: u32) {
        let Node { older, newer, .. } = *self.node(place);
        match older {
            NONE => self.oldest = newer,
            older => self.node_mut(older).newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.node_mut(newer).older = older,
        }
    }

    fn node(&self, place: u32) -> &Node<K> {
        &self.nodes[place as usize]
    }

    fn node_mut(&mut self, place: u32) -> &mut Node<K> {
        &mut self.nodes[place as usize]
    }
}

impl<K> Node<K> {
    fn is<Q: Equivalent<K> + ?Sized>(&self, key: &Q) -> bool {
        self.key.as_ref().is_some_and(|own| key.equivalent(own))
    }
}
