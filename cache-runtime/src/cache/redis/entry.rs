//! What an entry holds, and how that is written.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Nanos;

/// What a fetch has come to: a value, or the knowledge that there is none.
///
/// That there is nothing is worth remembering too, for as long as its category says: a deleted
/// picture stays deleted, a rate limit does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched<V> {
    /// A value.
    Found(V),
    /// There is none.
    Absent {
        /// Why not, which decides [how long](super::Builder::negative_ttl) that is remembered.
        category: Arc<str>,
    },
}

impl<V> Fetched<V> {
    /// There is no value, for a reason of this category.
    pub fn absent(category: impl Into<Arc<str>>) -> Self {
        Self::Absent {
            category: category.into(),
        }
    }

    /// The value, if there is one.
    #[must_use]
    pub fn found(self) -> Option<V> {
        match self {
            Self::Found(value) => Some(value),
            Self::Absent { .. } => None,
        }
    }
}

/// An entry on its way to a caller, and in memory.
#[derive(Debug, Clone)]
pub(super) struct Cached<V> {
    pub(super) fetched: Fetched<V>,
    /// The longest it may stay in memory.
    pub(super) left: Duration,
    /// When it is to be refreshed, by the clock of the memory level.
    pub(super) refresh_at: Nanos,
}

/// The first byte of a value in Redis; what the codec has written follows.
const FOUND: u8 = b'+';
/// The first byte where there is none; the category follows.
const ABSENT: u8 = b'-';

/// An entry as it is in Redis.
pub(super) enum Stored<'a> {
    Found(&'a [u8]),
    Absent(&'a str),
}

impl<'a> Stored<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        match bytes.split_first() {
            Some((&FOUND, value)) => Ok(Self::Found(value)),
            Some((&ABSENT, category)) => std::str::from_utf8(category)
                .map(Self::Absent)
                .map_err(|_| "the category is not UTF-8"),
            Some(_) => Err("expected `+` or `-` in front"),
            None => Err("it is empty"),
        }
    }
}

/// The beginning of an entry in Redis, to which the codec appends a value.
pub(super) fn found() -> Vec<u8> {
    vec![FOUND]
}

pub(super) fn absent(category: &str) -> Vec<u8> {
    let mut bytes = vec![ABSENT];
    bytes.extend_from_slice(category.as_bytes());
    bytes
}
