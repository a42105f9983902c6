//! How keys are hashed: once per access.

use std::hash::{BuildHasher, Hash, Hasher};
use std::ptr;
use std::sync::LazyLock;

use equivalent::Equivalent;
#[cfg(simulation)]
use foldhash::quality::FixedState as RandomState;
#[cfg(not(simulation))]
use foldhash::quality::RandomState;

/// Seeded once per process, so that no client can choose keys that collide; in a simulation, always the
/// same. A hash selects the shard and finds the entry in it. `foldhash::fast` would leave shards empty
/// where keys are consecutive numbers.
static HASH: LazyLock<RandomState> = LazyLock::new(RandomState::default);

#[inline]
pub(crate) fn hash<Q: Hash + ?Sized>(key: &Q) -> u64 {
    HASH.hash_one(key)
}

/// Hashes as [`hash`] does.
pub(super) fn hasher() -> impl Hasher {
    HASH.build_hasher()
}

/// A key as it is stored. Its hash is that of [`hash`], so that a [`Probe`] finds it.
pub(super) struct Stored<K>(pub(super) K);

impl<K: Hash> Hash for Stored<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(hash(&self.0));
    }
}

impl<K: Eq> PartialEq for Stored<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Eq> Eq for Stored<K> {}

/// A key to look for, with its hash.
pub(super) struct Probe<'a, Q: ?Sized> {
    pub(super) hash: u64,
    pub(super) key: &'a Q,
}

impl<Q: ?Sized> Hash for Probe<'_, Q> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<K, Q: Equivalent<K> + ?Sized> Equivalent<Stored<K>> for Probe<'_, Q> {
    #[inline]
    fn equivalent(&self, stored: &Stored<K>) -> bool {
        self.key.equivalent(&stored.0)
    }
}

/// A stored key to look for, by where it is. It is valid as long as the shard's lock is held and
/// nothing is inserted.
pub(super) struct At {
    hash: u64,
    address: usize,
}

impl At {
    pub(super) fn of<K: Hash>(key: &Stored<K>) -> Self {
        Self {
            hash: hash(&key.0),
            address: ptr::from_ref(key).addr(),
        }
    }
}

impl Hash for At {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<K> Equivalent<Stored<K>> for At {
    fn equivalent(&self, stored: &Stored<K>) -> bool {
        ptr::from_ref(stored).addr() == self.address
    }
}

/// Any stored key of this hash. Without keys that collide, there is at most one.
pub(super) struct OfHash(pub(super) u64);

impl Hash for OfHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

impl<K: Hash> Equivalent<Stored<K>> for OfHash {
    fn equivalent(&self, stored: &Stored<K>) -> bool {
        hash(&stored.0) == self.0
    }
}

/// Passes on the hash that [`Stored`] and [`Probe`] write.
#[derive(Clone, Default)]
pub(super) struct PassOn;

impl BuildHasher for PassOn {
    type Hasher = Passed;

    #[inline]
    fn build_hasher(&self) -> Passed {
        Passed(0)
    }
}

pub(super) struct Passed(u64);

impl Hasher for Passed {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a key writes its hash as a number");
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
