//! The keys of a cache in Redis.

use std::sync::Arc;

use crate::transport::EntryKeys;

/// The keys of one cache; the docs of `RedisCache` show their shapes.
pub(super) struct Keys {
    cache: Arc<str>,
    /// The key of the generation; `None` for a cache that is not coherent.
    generation: Option<String>,
}

impl Keys {
    pub(super) fn new(cache: &Arc<str>, coherent: bool) -> Self {
        Self {
            generation: coherent.then(|| format!("{cache}:g")),
            cache: Arc::clone(cache),
        }
    }

    /// The keys of one entry. Names of caches hold no `:`, so entries of different caches have
    /// different keys.
    pub(super) fn of(&self, key: &str) -> EntryKeys {
        let cache = &self.cache;
        EntryKeys {
            value: format!("{cache}:v:{key}"),
            token: format!("{cache}:t:{key}"),
            generation: self.generation.clone(),
        }
    }

    /// The key of the generation; empty for a cache that is not coherent.
    pub(super) fn generation(&self) -> &str {
        self.generation.as_deref().unwrap_or_default()
    }
}
