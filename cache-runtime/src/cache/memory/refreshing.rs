//! The setting of loads on schedule.

use std::time::Duration;

use super::options::Options;
use crate::cache::error::BuildError;
use crate::cache::limits::check_time;
use crate::cache::scheduled::check_scheduled;

impl<K, V> Options<K, V> {
    /// How long a load on schedule may take.
    pub(super) fn refresh_limit(&self) -> Duration {
        self.load_timeout.limit().unwrap_or(self.load_wait)
    }

    pub(super) fn check_due(&self, cache: &str) -> Result<(), BuildError> {
        let Some(longest) = self.due.iter().map(|entry| entry.every).max() else {
            return Ok(());
        };
        check_scheduled(cache, "refresh_every", self.due.len())?;
        for entry in &self.due {
            check_time(cache, "refresh_every", entry.every)?;
        }
        let ttl = self.ttl.mul_f64(1.0 - self.jitter);
        if longest >= ttl {
            let what = format!(
                "refresh_every of {longest:?}: expected less than the TTL, which is {ttl:?} at least"
            );
            return Err(BuildError::new(cache, what));
        }
        check_time(cache, "load_wait", self.refresh_limit())
    }
}

/// The setter of loads on schedule. It needs `options`, `loaders`, `K` and `V`.
macro_rules! refresh_setter {
    () => {
        /// Loads these entries when the cache is built, and again and again, whether or not they are
        /// read: `every` is the time from the beginning of a load to that of the next. At most 32 keys
        /// in all calls.
        ///
        /// So nobody waits for them. While an entry is loaded, the old one is read; a reader that finds
        /// none waits for the load that is under way. An entry that an event or a removal evicts is
        /// loaded again at once, but not twice within 50 ms. One that is missing for another reason,
        /// such as a full cache or a TTL shorter than `every`, is loaded when its time has come. As
        /// with every load, nothing is stored that an event has overtaken: one event may call a loader
        /// twice. While the cache may not be read, nothing is loaded; the entries are loaded as soon as
        /// it may be read.
        ///
        /// Choose less for `every` than the TTL of each value leaves, so that there is time for the
        /// load, and for others if it fails: with a TTL of an hour and `every` of a minute, the old
        /// value lasts for 59 minutes. It may be called for several loaders.
        ///
        /// A load that fails or panics is logged, and tried again after a wait that grows from 1 s to
        /// 1 min, which an eviction does not shorten. So is one that takes longer than
        /// [`load_timeout`](Self::load_timeout), or without that than [`load_wait`](Self::load_wait),
        /// and one whose value cannot be stored. The audit shows the last success and the failures, and
        /// flags those that have lasted for a minute.
        ///
        /// Each instance loads for its own memory; of a [`RedisCache`](crate::RedisCache), one instance
        /// at a time loads for all. The loads run in the Tokio runtime in which the cache was built,
        /// and end with it; without a runtime, on the thread that does the I/O of all buses. They end
        /// with the last handle of the cache. If `loader` holds a handle, the cache never ends. With
        /// the feature `testing`, a [clock](Self::clock) that a test moves decides when loads are due.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use cache_runtime::TtlCache;
        ///
        /// async fn from_the_provider(list: String) -> std::io::Result<Vec<String>> {
        ///     Ok(vec![format!("{list}-1"), format!("{list}-2")])
        /// }
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), cache_runtime::BuildError> {
        /// let minute = Duration::from_secs(60);
        /// let models = TtlCache::<String, Vec<String>>::builder("models", 60 * minute)
        ///     .refresh_every(minute, ["small", "large"], from_the_provider)
        ///     .build()?;
        /// # Ok(())
        /// # }
        /// ```
        pub fn refresh_every<Key, L, F, Failure>(
            mut self,
            every: Duration,
            keys: impl IntoIterator<Item = Key>,
            loader: L,
        ) -> Self
        where
            K: Clone,
            Key: Into<K>,
            L: Fn(K) -> F + Send + Sync + 'static,
            F: Future<Output = Result<V, Failure>> + Send + 'static,
            Failure: ::std::fmt::Display + Send + Sync + 'static,
        {
            let keys = keys.into_iter().map(Into::into);
            self.loaders.add(&mut self.options, every, keys, loader);
            self
        }
    };
}

pub(crate) use refresh_setter;
