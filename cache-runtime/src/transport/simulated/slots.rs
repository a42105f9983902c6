//! What a server of a simulated cluster knows of the slots.

use crate::slot::{SLOTS, slot_of};

/// Slots move in so many groups.
pub(super) const GROUPS: usize = 8;

pub(super) fn group_of(name: &str) -> usize {
    usize::from(slot_of(name)) * GROUPS / usize::from(SLOTS)
}

/// Which server serves each group.
#[derive(Clone, Default)]
pub(in crate::transport) struct View {
    pub(super) owners: [usize; GROUPS],
    pub(super) epoch: u64,
}

impl View {
    pub(super) fn shared_by(servers: usize) -> Self {
        let mut view = Self::default();
        for (group, owner) in view.owners.iter_mut().enumerate() {
            *owner = group % servers;
        }
        view
    }
}
