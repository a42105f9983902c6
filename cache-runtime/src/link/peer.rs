//! Whom the two connections reach.

use crate::server_info::Identity;

/// Which server the two connections reach, as far as it has told since they were opened.
#[derive(Debug, Default)]
pub(super) struct Peer {
    identity: Option<Identity>,
}

impl Peer {
    /// Takes note of an answer; whether it fits all earlier ones.
    pub(super) fn is_same(&mut self, told: Option<Identity>) -> bool {
        if let (Some(known), Some(told)) = (self.identity, told) {
            return known == told;
        }
        self.identity = self.identity.or(told);
        true
    }
}
