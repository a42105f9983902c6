//! Load tokens. They keep a value from being stored if its load began before an eviction.

use std::time::Duration;

use crate::random;

/// The keys that belong to one entry of a cache, without the namespace of the bus.
///
/// Each starts with the name of the cache and `:`, because errors suggest access rules for that
/// prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryKeys {
    /// Holds the value.
    pub value: String,
    /// Holds the token of the load in progress.
    pub token: String,
    /// Holds the generation of the whole cache; `None` if the cache cannot be evicted as a whole.
    ///
    /// With a generation, each value is stored with the generation in front. Then only the
    /// operations that take `EntryKeys` can read it.
    pub generation: Option<String>,
}

/// The right to store the value of one load. It ends with its TTL, or earlier if the entry is
/// evicted or another caller stores a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The keys of the entry, with the namespace.
    pub(super) names: EntryKeys,
    /// The value under the token's key: the generation and a nonce. The generation is part of it,
    /// so that a load of the next generation need not wait until this token ends.
    pub(super) stamp: Vec<u8>,
    /// Empty where the cache has no generation.
    pub(super) generation: String,
}

/// A value, and the rest of its TTL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The value, without its generation.
    pub value: Vec<u8>,
    /// The rest of the TTL; `None` if the value does not expire. Zero if another caller stored it
    /// just now.
    pub ttl: Option<Duration>,
}

/// When a caller wants a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// Only if there is no value. A value that is there is returned instead.
    Missing,
    /// Always, to load or refresh the value.
    Refresh,
}

/// The answer to a request for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// The caller has the token. It loads, and then calls
    /// [`fill`](crate::__private::Keyspace::fill) or
    /// [`give_up`](crate::__private::Keyspace::give_up).
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
    /// Not stored: the entry or the whole cache was evicted, another caller stored a value, or the
    /// token had expired.
    Gone,
    /// Not stored, for one of the same reasons, and another caller has a token now.
    Taken,
}

impl EntryKeys {
    /// The same keys, each mapped by `name`.
    pub(crate) fn map(&self, name: impl Fn(&str) -> String) -> Self {
        Self {
            value: name(&self.value),
            token: name(&self.token),
            generation: self.generation.as_deref().map(name),
        }
    }
}

/// A value as it is stored: with its generation in front, if there is one.
pub(super) fn sealed(generation: &str, value: &[u8]) -> Vec<u8> {
    if generation.is_empty() {
        return value.to_vec();
    }
    [generation.as_bytes(), b":", value].concat()
}

/// The value without its generation; `None` if it is of another generation.
pub(super) fn opened(generation: &str, mut stored: Vec<u8>) -> Option<Vec<u8>> {
    if generation.is_empty() {
        return Some(stored);
    }
    let start = stored.strip_prefix(generation.as_bytes())?;
    let value = start.strip_prefix(b":")?;
    stored.drain(..stored.len() - value.len());
    Some(stored)
}

/// A new random generation. It is short, because every value carries it.
pub(super) fn new_generation() -> String {
    format!("{:016x}", random::number())
}

/// The result of a conditional deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteIf {
    /// The key had the expected value, and is deleted.
    Deleted,
    /// The key did not exist.
    Missing,
    /// The key has this other value, and is kept.
    Other(Vec<u8>),
}

/// A record that another process stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The id that the process gave itself.
    pub process: String,
    /// How long ago the record was stored, in whole milliseconds.
    pub age: Duration,
    /// The content of the record.
    pub content: Vec<u8>,
}

/// How a value is compared before it is deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Compare {
    Whole,
    Start,
}

/// A TTL in whole milliseconds, as both backends take it: at least 1 ms, and at most a century, so
/// that adding it to a time cannot overflow.
pub(crate) fn millis(ttl: Duration) -> u64 {
    const CENTURY: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
    u64::try_from(ttl.as_millis()).map_or(CENTURY, |millis| millis.clamp(1, CENTURY))
}
