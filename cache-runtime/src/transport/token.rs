//! Load tokens. They keep a value from being stored if its load began before an eviction.

use std::time::Duration;

use crate::random;

/// The keys that belong to one entry of a cache, with the namespace of the bus. In a cluster they
/// must be in one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryKeys {
    /// Holds the value.
    pub value: String,
    /// Holds the token of the load in progress.
    pub token: String,
    /// How the value is stored.
    pub stored: Stored,
    /// The most bytes of a value. Of a longer one, no more than a few bytes more are read.
    pub max_bytes: usize,
}

/// How the entries of a cache are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// A value is stored as it is, so that other programs can share it.
    Bare {
        /// Holds the category where it is known that there is no value. It counts while there is
        /// none.
        absence: String,
    },
    /// A value or a category is stored with a seal in front: the generation of the cache, so that the
    /// cache can be evicted as a whole, and that of the entry's group, if it is in one.
    Sealed {
        /// Holds the generation of the cache.
        generation: String,
        /// Holds the generation of the group.
        group: Option<String>,
    },
}

/// What an entry holds, or is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// The value.
    Value(&'a [u8]),
    /// There is no value, for a reason of this category.
    Absence(&'a str),
}

/// The right to store the value of one load. It ends with its TTL, or earlier if the entry is
/// evicted or another caller stores a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The keys of the entry, with the namespace.
    pub(super) names: EntryKeys,
    /// The value under the token's key: the seal, if there is one, and a nonce. The seal is part of
    /// it, so that a load of the next generation need not wait until this token ends.
    pub(super) stamp: Vec<u8>,
    /// Empty where the cache has no generation.
    pub(super) generation: String,
    /// Empty where the entry is in no group.
    pub(super) group: String,
}

/// A value or a category, and the rest of its TTL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The value, without its generation, or the category.
    pub value: Vec<u8>,
    /// Whether it is a category: there is no value.
    pub is_absence: bool,
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
    /// The keys of everything that an eviction deletes.
    pub(crate) fn evicted(self) -> impl Iterator<Item = String> {
        let absence = match self.stored {
            Stored::Bare { absence } => Some(absence),
            Stored::Sealed { .. } => None,
        };
        [self.value, self.token].into_iter().chain(absence)
    }
}

/// A bare entry: the key that a content is stored under, its bytes, and the key that must not be
/// there beside it.
pub(super) fn bare<'a>(
    value: &'a str,
    absence: &'a str,
    content: &Content<'a>,
) -> (&'a str, &'a [u8], &'a str) {
    match content {
        Content::Value(bytes) => (value, bytes, absence),
        Content::Absence(category) => (absence, category.as_bytes(), value),
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Content<'a> {
    fn from(value: &'a T) -> Self {
        Self::Value(value.as_ref())
    }
}

/// The most bytes in front of a sealed value.
pub(super) const SEAL: usize = 64;

/// In front of a sealed value.
const PRESENT: u8 = b'+';
/// In front of a sealed category.
const ABSENT: u8 = b'-';

/// What stands in front of a sealed value, for a generation, and for that of a group unless it is
/// empty.
pub(super) fn seal(generation: &str, group: &str) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    [generation, dot, group].concat()
}

/// A nonce with its seal in front.
pub(super) fn stamp(seal: &str, nonce: &str) -> Vec<u8> {
    [seal, ":", nonce].concat().into_bytes()
}

/// A content as it is stored with a seal in front.
pub(super) fn sealed(seal: &str, content: &Content<'_>) -> Vec<u8> {
    let (kind, bytes) = match content {
        Content::Value(bytes) => (PRESENT, *bytes),
        Content::Absence(category) => (ABSENT, category.as_bytes()),
    };
    [seal.as_bytes(), &[b':', kind], bytes].concat()
}

/// What was sealed; `None` if it has another seal.
pub(super) fn opened(seal: &str, mut stored: Vec<u8>, ttl: Option<Duration>) -> Option<Found> {
    let start = stored.strip_prefix(seal.as_bytes())?;
    let [b':', kind @ (PRESENT | ABSENT), value @ ..] = start else {
        return None;
    };
    let (is_absence, length) = (*kind == ABSENT, value.len());
    stored.drain(..stored.len() - length);
    Some(Found {
        value: stored,
        is_absence,
        ttl,
    })
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
