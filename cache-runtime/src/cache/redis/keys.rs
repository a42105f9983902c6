//! The keys of a cache in Redis.

use futures_util::future::try_join_all;

use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::settings::BESIDE_PREFIX;
use crate::slot::{beside, slot_of};
use crate::transport::{EntryKeys, Stored};

/// The whole key of an entry, after the namespace.
pub(super) type KeyBy = Box<dyn Fn(&str) -> String + Send + Sync>;

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
    /// Of a coherent cache. All keys of a group are in one slot, because every entry depends on the
    /// generation of its group.
    Sealed {
        /// What the keys of every group begin with.
        prefix: String,
        groups: Vec<Group>,
    },
}

/// A part of the entries of a coherent cache, with a generation of its own. On one server there is
/// one group.
struct Group {
    prefix: String,
    generation: String,
}

/// How many groups a coherent cache has in a cluster, so that several nodes share its entries.
const GROUPS: u16 = 16;

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

    pub(super) fn sealed(keyspace: &Keyspace, cache: &str, max_bytes: usize) -> Self {
        let start = keyspace.full(&format!("{BESIDE_PREFIX}coherent:{{{cache}"));
        let group = |prefix: String| Group {
            generation: format!("{prefix}g"),
            prefix,
        };
        let layout = if keyspace.has_slots() {
            let groups = (0..GROUPS).map(|number| group(format!("{start}:{number}}}:")));
            Layout::Sealed {
                groups: groups.collect(),
                prefix: format!("{start}:"),
            }
        } else {
            let prefix = format!("{start}}}:");
            let groups = vec![group(prefix.clone())];
            Layout::Sealed { prefix, groups }
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
            Layout::Sealed { groups, .. } => {
                let Group { prefix, generation } =
                    &groups[usize::from(slot_of(key)) % groups.len()];
                EntryKeys {
                    value: format!("{prefix}v:{key}"),
                    token: format!("{prefix}t:{key}"),
                    stored: Stored::Sealed {
                        generation: generation.clone(),
                    },
                    max_bytes,
                }
            }
        }
    }

    fn groups(&self) -> &[Group] {
        match &self.layout {
            Layout::Bare { .. } => &[],
            Layout::Sealed { groups, .. } => groups,
        }
    }

    /// The keys of all generations; none for a cache that is not coherent.
    pub(super) fn generations(&self) -> Vec<String> {
        let groups = self.groups().iter();
        groups.map(|group| group.generation.clone()).collect()
    }

    /// Deletes keys of a coherent cache, those of each group together.
    pub(super) async fn evict(&self, keyspace: &Keyspace, keys: &[String]) -> Result<(), Cause> {
        let groups = self.groups().iter().map(|group| {
            let keys = keys.iter().filter(|key| key.starts_with(&group.prefix));
            (&group.generation, keys.cloned().collect::<Vec<_>>())
        });
        let evictions = groups
            .filter(|(_, keys)| !keys.is_empty())
            .map(async |(generation, keys)| keyspace.evict_in_epoch(generation, &keys).await);
        try_join_all(evictions).await.map(drop)
    }
}
