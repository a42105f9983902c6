//! The keys of a cache in Redis.

use std::sync::Arc;

use crate::transport::EntryKeys;

/// See [`RedisCache`](super::RedisCache) for their shapes.
pub(super) struct Keys {
    cache: Arc<str>,
    /// `None` for a cache that is not coherent.
    generation: Option<String>,
}

impl Keys {
    pub(super) fn new(cache: &Arc<str>, coherent: bool) -> Self {
        Self {
            generation: coherent.then(|| format!("{cache}:g")),
            cache: Arc::clone(cache),
        }
    }

    /// Those of one entry. Cache names hold no `:`, so no two entries of any two caches meet.
    pub(super) fn of(&self, key: &str) -> EntryKeys {
        let cache = &self.cache;
        EntryKeys {
            value: format!("{cache}:v:{key}"),
            token: format!("{cache}:t:{key}"),
            generation: self.generation.clone(),
        }
    }

    pub(super) fn generation(&self) -> &str {
        self.generation.as_deref().unwrap_or_default()
    }
}
