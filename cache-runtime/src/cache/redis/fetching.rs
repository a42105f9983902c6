//! What users call to fetch.

use std::fmt;

use super::RedisCache;
use super::entry::Fetched;
use super::error::FetchError;
use super::mode::{Ahead, Mode, OnDemand};

impl<V, M> RedisCache<V, M>
where
    V: Clone + Send + Sync + 'static,
    M: OnDemand,
{
    /// The value of an entry, or what `fetch` returns.
    ///
    /// Nothing is stored if the fetch fails, and the next who waits fetches. A value that does not
    /// decode is fetched anew, and overwritten.
    ///
    /// # Errors
    ///
    /// Those of the fetch; or it is known, by [`get_or_find`](Self::get_or_find), that there is no
    /// value; or Redis is away and the cache is to [fail](super::RedisAway::Fail) then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it stores nothing: if it was fetching, the next who waits fetches. A lock that it
    /// holds in Redis is given back in the background; where that is not possible, it ends after the
    /// [`lock_ttl`](super::Builder::lock_ttl), and others wait no longer for it than they would anyway.
    pub async fn get_or_fetch<L, F, E>(&self, key: &str, fetch: L) -> Result<V, FetchError<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<V, E>>,
    {
        let fetch = || async { fetch().await.map(Fetched::Found) };
        let fetched = self.get_or_find(key, fetch).await?;
        self.inner().found(fetched)
    }

    /// As [`get_or_fetch`](Self::get_or_fetch), where there may be nothing to fetch. That is stored
    /// as well, for the [TTL of its category](super::Builder::negative_ttl).
    ///
    /// # Errors
    ///
    /// Those of the fetch; or Redis is away and the cache is to [fail](super::RedisAway::Fail) then.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_fetch`](Self::get_or_fetch).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::redis::Fetched;
    /// use cache_runtime::{Bus, RedisCache};
    ///
    /// /// What is to be seen in a picture, if it can be had.
    /// async fn describe(url: &str) -> Result<Fetched<String>, std::io::Error> {
    ///     Ok(if url.ends_with(".png") {
    ///         Fetched::Found("a cat".to_owned())
    ///     } else {
    ///         Fetched::absent("gone")
    ///     })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let descriptions = RedisCache::<String>::builder(&bus, "descriptions")
    ///     .ttl(Duration::from_secs(60 * 60))
    ///     .negative_ttl("gone", Duration::from_secs(10 * 60))
    ///     .negative_ttl("overloaded", Duration::from_secs(30))
    ///     .build()?;
    ///
    /// let url = "https://example.org/picture";
    /// let described = descriptions.get_or_find(url, || describe(url)).await?;
    /// assert_eq!(described, Fetched::absent("gone"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_or_find<L, F, E>(
        &self,
        key: &str,
        fetch: L,
    ) -> Result<Fetched<V>, FetchError<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Fetched<V>, E>>,
    {
        let cached = self.inner().get_or_fetch(key, &mut Some(fetch)).await?;
        Ok(cached.fetched)
    }
}

impl<V, M> RedisCache<V, Ahead<M>>
where
    V: Clone + Send + Sync + 'static,
    Ahead<M>: Mode,
{
    /// The value of an entry, or what `fetch` returns. A value that is about to expire is returned
    /// at once, and `fetch` refreshes it in the background.
    ///
    /// A refresh that fails is logged, at most once a second, and counted; the old value lives until
    /// its TTL, and the next read after a second tries again. Refreshes end with the cache.
    ///
    /// Everything else is as without [`refresh_ahead`](super::Builder::refresh_ahead): see
    /// [`get_or_fetch`](RedisCache::get_or_fetch) there.
    ///
    /// # Errors
    ///
    /// Those of the fetch; or it is known that there is no value; or Redis is away and the cache is
    /// to [fail](super::RedisAway::Fail) then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it stores nothing, and the next who waits fetches. A refresh goes on.
    pub async fn get_or_fetch<L, F, E>(&self, key: &str, fetch: L) -> Result<V, FetchError<E>>
    where
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let fetch = || async { fetch().await.map(Fetched::Found) };
        let fetched = self.get_or_find(key, fetch).await?;
        self.inner().found(fetched)
    }

    /// As [`get_or_fetch`](Self::get_or_fetch), where there may be nothing to fetch. That is stored
    /// as well, for the [TTL of its category](super::Builder::negative_ttl).
    ///
    /// # Errors
    ///
    /// Those of the fetch; or Redis is away and the cache is to [fail](super::RedisAway::Fail) then.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_fetch`](Self::get_or_fetch).
    pub async fn get_or_find<L, F, E>(
        &self,
        key: &str,
        fetch: L,
    ) -> Result<Fetched<V>, FetchError<E>>
    where
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Fetched<V>, E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let mut fetch = Some(fetch);
        let cached = self.inner().get_or_fetch(key, &mut fetch).await?;
        if let Some(fetch) = fetch
            && self.inner().is_due(&cached)
        {
            self.inner().refresh(key, fetch);
        }
        Ok(cached.fetched)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bus::Bus;

    #[tokio::test]
    async fn what_callers_hold_is_small() {
        let bus = Bus::in_process();
        let cache = RedisCache::<String>::builder(&bus, "sizes").ttl(Duration::from_secs(1));
        let cache = cache.build().unwrap();
        let fetch = || async { Ok::<_, std::io::Error>(String::new()) };
        assert!(size_of_val(&cache.get("a")) < 1024);
        assert!(size_of_val(&cache.get_or_fetch("a", fetch)) < 2048);
    }
}
