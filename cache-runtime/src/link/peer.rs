//! The server that all connections reach.

use crate::server_info::Identity;

/// The identity that the server has told on any connection since the one for events was opened.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Peer {
    identity: Option<Identity>,
}

impl Peer {
    /// Takes note of an answer. Returns whether it agrees with the earlier ones; an answer without
    /// an identity always does.
    pub(super) fn is_same(&mut self, told: Option<Identity>) -> bool {
        if let (Some(known), Some(told)) = (self.identity, told) {
            return known == told;
        }
        self.identity = self.identity.or(told);
        true
    }
}
