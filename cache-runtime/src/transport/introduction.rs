//! What a server says of itself, for people.

/// A server as it has introduced itself. It is a primary: no connection to another one is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Introduction {
    /// Its address, without credentials.
    pub(crate) address: String,
    /// Which software it is, in which version: `Redis 7.2.4`.
    pub(crate) software: String,
}
