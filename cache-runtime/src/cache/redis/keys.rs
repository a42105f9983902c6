//! The keys of a cache in Redis.

use std::sync::Arc;

use futures_util::future::try_join_all;

use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::settings::BESIDE_PREFIX;
use crate::slot::{beside, slot_of};
use crate::transport::{EntryKeys, Stored};

/// The whole key of an entry, after the namespace.
pub(super) type KeyBy = Box<dyn Fn(&str) -> String + Send + Sync>;
/// The group of an entry.
pub(super) type GroupBy = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The keys of one cache, all with the namespace; the docs of `RedisCache` show their shapes.
pub(super) struct Keys {
    layout: Layout,
    max_bytes: usize,
}

enum Layout {
    /// Of a cache that no event evicts from.
    Bare {
        /// In front of the key of an entry.
        prefix: String,
        /// In front of what lives beside entries.
        beside: String,
        /// The namespace, and what follows it.
        key_by: Option<(String, KeyBy)>,
    },
    /// Of a coherent cache. All keys of a part are in one slot, because every entry depends on the
    /// generation of its part.
    Sealed {
        /// What the keys of every part begin with.
        prefix: String,
        parts: Vec<Part>,
        /// The groups that entries are evicted by, each with a generation of its own.
        group_by: Option<GroupBy>,
    },
}

/// A part of the entries of a coherent cache, with a generation of its own. On one server there is
/// one part. All entries of a group are in one part, so that one command evicts them.
struct Part {
    prefix: String,
    generation: String,
}

/// How many parts a coherent cache has in a cluster, so that several nodes share its entries.
const PARTS: u16 = 16;

impl Keys {
    pub(super) fn bare(
        keyspace: &Keyspace,
        cache: &str,
        key_by: Option<KeyBy>,
        max_bytes: usize,
    ) -> Self {
        let layout = Layout::Bare {
            prefix: keyspace.full(&format!("{cache}:")),
            beside: keyspace.full(BESIDE_PREFIX),
            key_by: key_by.map(|key_by| (keyspace.full(""), key_by)),
        };
        Self { layout, max_bytes }
    }

    pub(super) fn sealed(
        keyspace: &Keyspace,
        cache: &str,
        group_by: Option<GroupBy>,
        max_bytes: usize,
    ) -> Self {
        let start = keyspace.full(&format!("{BESIDE_PREFIX}coherent:{{{cache}"));
        let part = |prefix: String| Part {
            generation: format!("{prefix}g"),
            prefix,
        };
        let (prefix, parts) = if keyspace.has_slots() {
            let parts = (0..PARTS).map(|number| part(format!("{start}:{number}}}:")));
            (format!("{start}:"), parts.collect())
        } else {
            let prefix = format!("{start}}}:");
            (prefix.clone(), vec![part(prefix)])
        };
        let layout = Layout::Sealed {
            prefix,
            parts,
            group_by,
        };
        Self { layout, max_bytes }
    }

    /// What every key of an entry begins with; `None` if that is not known.
    pub(super) fn prefix(&self) -> Option<&str> {
        match &self.layout {
            Layout::Bare { prefix, key_by, .. } => key_by.is_none().then_some(prefix),
            Layout::Sealed { prefix, .. } => Some(prefix),
        }
    }

    /// The keys of one entry.
    pub(super) fn of(&self, key: &str) -> EntryKeys {
        let max_bytes = self.max_bytes;
        match &self.layout {
            Layout::Bare {
                prefix,
                beside: own,
                key_by,
            } => {
                let value = match key_by {
                    None => [prefix, key].concat(),
                    Some((namespace, key_by)) => [namespace, &*key_by(key)].concat(),
                };
                let beside = beside(&value);
                EntryKeys {
                    token: format!("{own}lock:{beside}"),
                    stored: Stored::Bare {
                        absence: format!("{own}absent:{beside}"),
                    },
                    value,
                    max_bytes,
                }
            }
            Layout::Sealed { .. } => {
                let group = self.group_of(key);
                let Part { prefix, generation } = self.part(group.as_deref().unwrap_or(key));
                EntryKeys {
                    value: format!("{prefix}v:{key}"),
                    token: format!("{prefix}t:{key}"),
                    stored: Stored::Sealed {
                        generation: generation.clone(),
                        group: group.map(|group| self.group(&group)),
                    },
                    max_bytes,
                }
            }
        }
    }

    /// The group of an entry.
    pub(super) fn group_of(&self, key: &str) -> Option<String> {
        match &self.layout {
            Layout::Sealed {
                group_by: Some(group_by),
                ..
            } => group_by(key),
            _ => None,
        }
    }

    /// The key of the generation of a group. Without it, no value of the group can be found.
    pub(super) fn group(&self, group: &str) -> String {
        let Part { generation, .. } = self.part(group);
        format!("{generation}:{group}")
    }

    /// The part of a group, or of an entry that is in none; there is one in a coherent cache.
    fn part(&self, of: &str) -> &Part {
        let parts = self.parts();
        &parts[usize::from(slot_of(of)) % parts.len()]
    }

    fn parts(&self) -> &[Part] {
        match &self.layout {
            Layout::Bare { .. } => &[],
            Layout::Sealed { parts, .. } => parts,
        }
    }

    /// The keys of the generations of all parts; none for a cache that is not coherent.
    pub(super) fn generations(&self) -> Vec<String> {
        let parts = self.parts().iter();
        parts.map(|part| part.generation.clone()).collect()
    }

    /// Deletes keys of a coherent cache, those of each part together.
    pub(super) async fn evict(&self, keyspace: &Keyspace, keys: &[String]) -> Result<(), Cause> {
        let parts = self.parts().iter().map(|part| {
            let keys = keys.iter().filter(|key| key.starts_with(&part.prefix));
            (&part.generation, keys.cloned().collect::<Vec<_>>())
        });
        let evictions = parts
            .filter(|(_, keys)| !keys.is_empty())
            .map(async |(generation, keys)| keyspace.evict_in_epoch(generation, &keys).await);
        try_join_all(evictions).await.map(drop)
    }
}
