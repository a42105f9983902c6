//! The keys of a cache in Redis.

use super::slot::beside;
use crate::keyspace::Keyspace;
use crate::settings::BESIDE_PREFIX;
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
    /// Of a coherent cache. All of its keys are in one slot, because every entry depends on the
    /// generation.
    Sealed { prefix: String, generation: String },
}

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
        let prefix = keyspace.full(&format!("{BESIDE_PREFIX}coherent:{{{cache}}}:"));
        let generation = format!("{prefix}g");
        let layout = Layout::Sealed { prefix, generation };
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
            Layout::Sealed { prefix, generation } => EntryKeys {
                value: format!("{prefix}v:{key}"),
                token: format!("{prefix}t:{key}"),
                stored: Stored::Sealed {
                    generation: generation.clone(),
                },
                max_bytes,
            },
        }
    }

    /// The key of the generation; empty for a cache that is not coherent.
    pub(super) fn generation(&self) -> &str {
        match &self.layout {
            Layout::Bare { .. } => "",
            Layout::Sealed { generation, .. } => generation,
        }
    }
}
