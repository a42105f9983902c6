//! Reading several entries at a time, as callers do it.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::convert::Infallible;

use super::RedisCache;
use super::entry::{Cached, Loaded};
use super::error::LoadError;
use super::redis_key::{KeyOf, RedisKey, Texts};

impl<V, M, K> RedisCache<V, M, K>
where
    V: Clone + Send + Sync + 'static,
    K: RedisKey + ?Sized,
{
    /// The values of several entries, or what `loader` returns for them, which is stored.
    ///
    /// It looks for all of them in Redis in one round trip; so does it take their locks, and store what
    /// was loaded. More than 128 keys are read in several. `loader` is called once, with the keys that
    /// have no entry and that nobody loads yet, each once: as `String`s, or of the
    /// [type](super::Builder::key_type) that keys have. It returns pairs of a key and its value. A key
    /// that it does not return has no value: it is not in the result, and nothing is stored for it. Nor
    /// is a key in the result that is known to be [absent](Loaded::Absent). Pairs of other keys are
    /// ignored.
    ///
    /// Of several callers of one key in this process, one loads and the others wait for its value,
    /// whether they ask for one key or for several. A caller of several loads what is free before it
    /// waits, for other callers and for other instances. Each entry is stored unless an event evicts it
    /// meanwhile; the others are.
    ///
    /// `loader` is called again for keys that another caller or another instance was loading, if that
    /// load gives no value in time, or one that may be too old. It is not called if nothing is missing.
    ///
    /// # Errors
    ///
    /// When Redis is away and the cache is set to [fail](super::WhileDown::Fail), or the load takes
    /// longer than [`load_timeout`](super::Builder::load_timeout), if that is set.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_load`](Self::get_or_load), for each key.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Bus, RedisCache};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let names = RedisCache::<String>::builder(&bus, "names", Duration::from_secs(60)).build()?;
    /// names.insert("1", "Ada".to_owned()).await?;
    ///
    /// // Such as `SELECT id, name FROM users WHERE id = ANY($1)`.
    /// let from_the_database = async |ids: Vec<String>| {
    ///     assert_eq!(ids, ["2", "3"]);
    ///     [("2".to_owned(), "Ben".to_owned())]
    /// };
    /// let found = names.get_many_or_load(["1", "2", "3"], from_the_database).await?;
    /// assert_eq!((found["1"].as_str(), found["2"].as_str()), ("Ada", "Ben"));
    /// assert_eq!(found.get("3"), None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_many_or_load<'k, Q, L, F, I>(
        &self,
        keys: impl IntoIterator<Item = &'k Q>,
        mut loader: L,
    ) -> Result<HashMap<K::Owned, V>, LoadError<Infallible>>
    where
        Q: KeyOf<K> + ?Sized + 'k,
        L: FnMut(Vec<K::Owned>) -> F,
        F: Future<Output = I>, // a loader that can fail: `try_get_many_or_load`
        I: IntoIterator<Item = (K::Owned, V)>,
    {
        let loader = |keys| {
            let loading = loader(keys);
            async { Ok(loading.await) }
        };
        self.try_get_many_or_load(keys, loader).await
    }

    /// Like [`get_many_or_load`](Self::get_many_or_load), with a loader that may fail.
    ///
    /// After a failure nothing is stored. The callers that have waited for one of the keys receive the
    /// error, too, and the next caller loads.
    ///
    /// # Errors
    ///
    /// When the loader fails, or another caller's for one of the keys, or when Redis is away and the
    /// cache is set to [fail](super::WhileDown::Fail), or the load takes longer than
    /// [`load_timeout`](super::Builder::load_timeout), if that is set. What was found of other keys is
    /// in the cache, and not in the result.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_load`](Self::get_or_load), for each key.
    pub async fn try_get_many_or_load<'k, Q, L, F, I, E>(
        &self,
        keys: impl IntoIterator<Item = &'k Q>,
        mut loader: L,
    ) -> Result<HashMap<K::Owned, V>, LoadError<E>>
    where
        Q: KeyOf<K> + ?Sized + 'k,
        L: FnMut(Vec<K::Owned>) -> F,
        F: Future<Output = Result<I, E>>, // a loader that cannot fail: `get_many_or_load`
        I: IntoIterator<Item = (K::Owned, V)>,
        E: Send + Sync + 'static,
    {
        let present = |(key, value)| (key, Loaded::Present(value));
        let loader = |keys| {
            let loading = loader(keys);
            async { Ok(loading.await?.into_iter().map(present)) }
        };
        let found = self.lookup_many_or_load(keys, loader).await?.into_iter();
        let present = |(key, loaded): (_, Loaded<V>)| Some((key, loaded.present()?));
        Ok(found.filter_map(present).collect())
    }

    /// Like [`try_get_many_or_load`](Self::try_get_many_or_load), with a loader that may find that
    /// there are no values.
    ///
    /// That is stored as well, for the [TTL of its category](super::Builder::negative_ttl), and is in
    /// the result. What the loader does not return at all is neither.
    ///
    /// # Errors
    ///
    /// As [`try_get_many_or_load`](Self::try_get_many_or_load).
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_load`](Self::get_or_load), for each key.
    pub async fn lookup_many_or_load<'k, Q, L, F, I, E>(
        &self,
        keys: impl IntoIterator<Item = &'k Q>,
        mut loader: L,
    ) -> Result<HashMap<K::Owned, Loaded<V>>, LoadError<E>>
    where
        Q: KeyOf<K> + ?Sized + 'k,
        L: FnMut(Vec<K::Owned>) -> F,
        F: Future<Output = Result<I, E>>,
        I: IntoIterator<Item = (K::Owned, Loaded<V>)>,
        E: Send + Sync + 'static,
    {
        let (texts, given) = K::Texts::texts(keys.into_iter().map(KeyOf::key));
        let loader = |texts: Vec<String>| {
            let keys = texts.into_iter().map(|text| K::Texts::given(&given, text));
            let loading = loader(keys.collect());
            let by_text = |(key, loaded)| (K::Texts::into_text(key), loaded);
            async move { Ok(loading.await?.into_iter().map(by_text)) }
        };
        let load_ahead = |text: &str| {
            self.handle
                .load_ahead(K::Texts::given(&given, text.to_owned()).borrow())
        };
        let found = self.shared().get_many_or_load(texts, loader, &load_ahead);
        let found = found.await?.into_iter();
        let by_key =
            |(text, cached): (_, Cached<V>)| (K::Texts::given(&given, text), cached.loaded);
        Ok(found.map(by_key).collect())
    }
}
