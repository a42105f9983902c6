//! What a server says of itself.

use std::sync::Arc;

/// What a server answers when it is asked what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// What it is to other servers.
    pub role: Role,
    /// Which start of which server it is; `None` where the server does not tell.
    pub identity: Option<Identity>,
}

/// What a server is to other servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Subscribers of every replica hear what is published here.
    Primary,
    /// Whoever subscribes at another server does not hear what is published here.
    Other(Arc<str>),
}

/// Differs between two servers, and between two starts of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(pub u64);
