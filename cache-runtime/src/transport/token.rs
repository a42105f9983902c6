//! Fill tokens: what keeps a value that was loaded before an eviction out of the store.

use std::time::Duration;

use crate::random;

/// The keys that belong to one entry of a cache, without the namespace of the bus.
///
/// The first part of each, up to the first `:`, is to be the name of the cache: access rules are
/// suggested for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryKeys {
    /// Where the value is.
    pub value: String,
    /// Where the token of the load under way is.
    pub token: String,
    /// Where the generation of the whole cache is; `None` for a cache that cannot be evicted at
    /// once. With one, a value is stored with the generation in front of it; only the operations
    /// of this module read it.
    pub generation: Option<String>,
}

/// The right to store the value of one load. It ends when the entry or everything is evicted, when
/// something else is stored, or with its TTL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// With the namespace.
    pub(super) names: EntryKeys,
    /// What is stored: with the generation in front of it, so that the next generation need not
    /// wait for its end.
    pub(super) stamp: Vec<u8>,
    /// Empty where the cache has no generation.
    pub(super) generation: String,
}

/// A value, and how much longer it lives at least; `None` where it does not expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Without its generation.
    pub value: Vec<u8>,
    /// Zero if it has only just been stored by somebody else.
    pub ttl: Option<Duration>,
}

/// What a token is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// To load what is missing: a value that is there is returned instead of a token.
    Missing,
    /// To load anew, ahead of expiry, whether there is a value or not.
    Refresh,
}

/// What became of asking for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// Load, and then [`fill`](crate::__private::Keyspace::fill), or [`give_up`](crate::__private::Keyspace::give_up).
    Token(Token),
    /// The value is there.
    Found(Found),
    /// Somebody else has the token.
    Busy,
}

/// What became of a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The value is stored, and the token is used up.
    Stored,
    /// Not stored: the entry or everything was evicted, something else was stored, or the token's
    /// TTL was over.
    Gone,
    /// Not stored: the same, and somebody else has a token by now.
    Taken,
}

impl EntryKeys {
    /// The same in another place.
    pub(crate) fn map(&self, name: impl Fn(&str) -> String) -> Self {
        Self {
            value: name(&self.value),
            token: name(&self.token),
            generation: self.generation.as_deref().map(name),
        }
    }
}

/// A value as it is stored: with its generation in front of it, if there is one.
pub(super) fn sealed(generation: &str, value: &[u8]) -> Vec<u8> {
    if generation.is_empty() {
        return value.to_vec();
    }
    [generation.as_bytes(), b":", value].concat()
}

/// A value from what is stored, unless it is of another generation.
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
