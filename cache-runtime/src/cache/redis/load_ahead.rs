//! Loads ahead of expiry, which are made where the type of keys is known.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::entry::Loaded;

/// A load that has not begun. The error is as it is logged.
pub(super) type PendingLoad<V> =
    Box<dyn FnOnce() -> BoxFuture<'static, Result<Loaded<V>, String>> + Send>;

/// Makes the load of a key ahead of its expiry.
pub(super) type LoadAhead<V, K> = Arc<dyn Fn(&K) -> PendingLoad<V> + Send + Sync>;
