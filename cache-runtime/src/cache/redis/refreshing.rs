//! The settings of refreshes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, TryFutureExt};

use super::builder::Builder;
use super::entry::Loaded;
use super::redis_key::RedisKey;

impl<V, M, C, K> Builder<V, M, C, K>
where
    V: Clone + Send + Sync + 'static,
    K: RedisKey + ?Sized,
{
    /// Refreshes a value in the background when it is read with less than `ahead` left.
    ///
    /// So no caller waits for the load of what is read often. The reads that do this are those that may
    /// load, such as [`get_or_load`](crate::RedisCache::get_or_load), and not
    /// [`get`](crate::RedisCache::get). One instance at a time refreshes an entry.
    ///
    /// `loader` is given the key, of the [type](Self::key_type) that keys have, and returns a value, or
    /// a [`Loaded`](super::Loaded) where there may be none. An entry that is known to be
    /// [absent](super::Loaded::Absent) is not refreshed.
    ///
    /// A refresh that fails is logged, at most once a second, and counted. The old value is served
    /// until its TTL, and the next read after a second tries again. Refreshes end with the cache.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Bus, RedisCache};
    ///
    /// async fn from_the_provider(list: String) -> std::io::Result<Vec<String>> {
    ///     Ok(vec![format!("{list}-1"), format!("{list}-2")])
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let hour = Duration::from_secs(60 * 60);
    /// let models = RedisCache::<Vec<String>>::builder(&bus, "model-list", 24 * hour)
    ///     .refresh_ahead(hour, from_the_provider)
    ///     .build()?;
    /// let list = models
    ///     .try_get_or_load("small", || from_the_provider("small".to_owned()))
    ///     .await?;
    /// # assert_eq!(list.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn refresh_ahead<L, F, T, E>(mut self, ahead: Duration, loader: L) -> Self
    where
        L: Fn(K::Owned) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<Loaded<V>> + 'static,
        E: fmt::Display + 'static,
    {
        self.options.refresh_ahead = Some(ahead);
        let loader = Arc::new(loader);
        self.load_ahead = Some(Arc::new(move |key: &K| {
            let (loader, key) = (Arc::clone(&loader), key.to_owned());
            Box::new(move || {
                let load = loader(key).map_ok(T::into);
                load.map_err(|error| error.to_string()).boxed()
            })
        }));
        self
    }

    /// Refreshes these entries on schedule, whether or not they are read: as soon as less than the
    /// `ahead` of [`refresh_ahead`](Self::refresh_ahead) is left, and when they are missing. At most 32
    /// keys.
    ///
    /// So nobody waits for what is read seldom, either. One instance at a time loads an entry, with the
    /// loader of `refresh_ahead`. With a TTL of a day and `ahead` of 23 hours, it is loaded every hour,
    /// and the old value lasts for 23 hours if that fails. An entry that an event has evicted is loaded
    /// again within a minute, or by its first reader.
    ///
    /// A refresh that fails is tried again after a wait that grows from 1 s to 1 min. The audit shows
    /// the last success and the failures, and flags those that have lasted for a minute. A refresh that
    /// takes longer than [`load_wait`](Self::load_wait) is given up, and counts as failed. The
    /// refreshes run in the Tokio runtime in which the cache was built, and end with it; without a
    /// runtime, on the thread that does the I/O of all buses. They end with the cache in any case. A
    /// `ttl_by` has to return more than `ahead`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Bus, RedisCache};
    ///
    /// async fn from_the_provider(list: String) -> std::io::Result<Vec<String>> {
    ///     Ok(vec![format!("{list}-1"), format!("{list}-2")])
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let hour = Duration::from_secs(60 * 60);
    /// let models = RedisCache::<Vec<String>>::builder(&bus, "model-list", 24 * hour)
    ///     .refresh_ahead(23 * hour, from_the_provider) // every hour
    ///     .refresh_keys(["small", "large"])
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn refresh_keys(mut self, keys: impl IntoIterator<Item = impl Into<K::Owned>>) -> Self {
        self.scheduled.extend(keys.into_iter().map(Into::into));
        self
    }
}
