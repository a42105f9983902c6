//! What a server answers when it is asked for its role and identity.

use std::sync::Arc;

/// The role and the identity of a server, as it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Whether it is a primary.
    pub role: Role,
    /// The server and its latest start; `None` if the server does not answer that.
    pub identity: Option<Identity>,
}

/// The role of a server in replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Subscribers of every replica receive what is published here.
    Primary,
    /// Subscribers of other servers do not receive what is published here. The text names the role.
    Other(Arc<str>),
}

/// Differs between two servers, and between two starts of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(pub u64);
