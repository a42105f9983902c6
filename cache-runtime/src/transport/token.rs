//! Load tokens: they keep a value whose load began before an eviction out of the store.

use std::time::Duration;

use crate::random;

/// The keys that belong to one entry of a cache, without the namespace of the bus.
///
/// Each begins with the name of the cache and `:`, because errors suggest access rules for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryKeys {
    /// Holds the value.
    pub value: String,
    /// Holds the token of the load on its way.
    pub token: String,
    /// Holds the generation of the whole cache; `None` for a cache that cannot be evicted at once. With
    /// a generation, a value is stored behind it, and only the operations with `EntryKeys` read it.
    pub generation: Option<String>,
}

/// The right to store the value of one load. It ends with its TTL, or when the entry is evicted or
/// stored by another caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// With the namespace.
    pub(super) names: EntryKeys,
    /// What the token's key holds: the generation and a nonce. So a load of the next generation need
    /// not wait for the end of this token.
    pub(super) stamp: Vec<u8>,
    /// Empty where the cache has no generation.
    pub(super) generation: String,
}

/// A value, and what is left of its TTL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Without its generation.
    pub value: Vec<u8>,
    /// `None` if the value does not expire. Zero if another caller stored it just now.
    pub ttl: Option<Duration>,
}

/// When a token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// Only if there is no value. A value that is there is returned instead.
    Missing,
    /// Whether or not there is a value, to refresh it.
    Refresh,
}

/// The answer to asking for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// Load, and then [`fill`](crate::__private::Keyspace::fill), or [`give_up`](crate::__private::Keyspace::give_up).
    Token(Token),
    /// The value is there.
    Found(Found),
    /// Another caller has the token.
    Busy,
}

/// The answer to storing a loaded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The value is stored, and the token is used up.
    Stored,
    /// Not stored: the entry or everything was evicted, something else was stored, or the token's
    /// TTL was over.
    Gone,
    /// Not stored, for the same reasons, and another caller has a token by now.
    Taken,
}

impl EntryKeys {
    /// The same keys, each changed by `name`.
    pub(crate) fn map(&self, name: impl Fn(&str) -> String) -> Self {
        Self {
            value: name(&self.value),
            token: name(&self.token),
            generation: self.generation.as_deref().map(name),
        }
    }
}

/// A value as it is stored: behind its generation, if there is one.
pub(super) fn sealed(generation: &str, value: &[u8]) -> Vec<u8> {
    if generation.is_empty() {
        return value.to_vec();
    }
    [generation.as_bytes(), b":", value].concat()
}

/// The value in what is stored; `None` if it is of another generation.
pub(super) fn opened(generation: &str, mut stored: Vec<u8>) -> Option<Vec<u8>> {
    if generation.is_empty() {
        return Some(stored);
    }
    let start = stored.strip_prefix(generation.as_bytes())?;
    let value = start.strip_prefix(b":")?;
    stored.drain(..stored.len() - value.len());
    Some(stored)
}

/// A generation that nobody has used before. It is short, because every value carries it.
pub(super) fn new_generation() -> String {
    format!("{:016x}", random::number())
}

/// What became of a conditional deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteIf {
    /// It was there and is deleted.
    Deleted,
    /// There was nothing.
    Missing,
    /// This is there instead, and stays.
    Other(Vec<u8>),
}

/// What another process has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The process, as it calls itself.
    pub process: String,
    /// How long ago it was left.
    pub age: Duration,
    /// What it says.
    pub content: Vec<u8>,
}

/// How a value is compared before it is deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Compare {
    Whole,
    Start,
}

/// A TTL in milliseconds, as both backends take it: at least 1, and at most a century, far from where
/// adding times overflows.
pub(crate) fn millis(ttl: Duration) -> u64 {
    const CENTURY: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
    u64::try_from(ttl.as_millis()).map_or(CENTURY, |millis| millis.clamp(1, CENTURY))
}
