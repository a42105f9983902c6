//! Which node of a cluster serves each slot.

use std::sync::Arc;

use super::Redis;
use super::slots::{Range, View};
use crate::health::Cause;
use crate::slot::{SLOTS, slot_of};

/// The primary of each slot.
pub(crate) struct SlotMap {
    /// For each slot, a place in `nodes`.
    owners: Box<[Option<u16>]>,
    nodes: Vec<Node>,
}

struct Node {
    host: String,
    port: u16,
    redis: Arc<Redis>,
}

impl SlotMap {
    /// The map of a view, with the nodes of the old map where they are the same; `None` if no node
    /// serves a slot. It is the old map if nothing has changed.
    pub(super) fn new(
        view: &View,
        old: Option<Arc<Self>>,
        open: impl Fn(&Range) -> Arc<Redis>,
    ) -> Option<Arc<Self>> {
        let mut map = Self {
            owners: vec![None; SLOTS.into()].into(),
            nodes: Vec::new(),
        };
        for range in &view.ranges {
            let is_here = |node: &Node| node.host == range.host && node.port == range.port;
            let known = map.nodes.iter().position(is_here);
            let owner = known.unwrap_or_else(|| {
                let mut kept = old.iter().flat_map(|old| &old.nodes);
                let redis = match kept.find(|node| is_here(node)) {
                    Some(kept) => Arc::clone(&kept.redis),
                    None => open(range),
                };
                map.nodes.push(Node {
                    host: range.host.clone(),
                    port: range.port,
                    redis,
                });
                map.nodes.len() - 1
            });
            let slots = usize::from(range.first)..=usize::from(range.last.min(SLOTS - 1));
            if let Some(owners) = map.owners.get_mut(slots) {
                owners.fill(u16::try_from(owner).ok());
            }
        }
        if map.nodes.is_empty() {
            return None;
        }
        let same = |old: &Arc<Self>| {
            (0..SLOTS).all(|slot| match (old.owner(slot), map.owner(slot)) {
                (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                (old, new) => old.is_none() && new.is_none(),
            })
        };
        Some(old.filter(same).unwrap_or_else(|| Arc::new(map)))
    }

    /// The primary of the slot of a channel or a key.
    pub(crate) fn primary(&self, name: &str) -> Option<&Arc<Redis>> {
        self.owner(slot_of(name))
    }

    fn owner(&self, slot: u16) -> Option<&Arc<Redis>> {
        let owner = self.owners[usize::from(slot % SLOTS)]?;
        Some(&self.nodes[usize::from(owner)].redis)
    }

    pub(super) fn find(&self, name: &str) -> Result<&Arc<Redis>, Cause> {
        let missing = || Cause::Unserved(format!("slot {} of `{name}`", slot_of(name)).into());
        self.primary(name).ok_or_else(missing)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<Redis>> {
        self.nodes.iter().map(|node| &node.redis)
    }
}
