//! The setting of the type of keys.

use std::marker::PhantomData;

use super::builder::Builder;
use super::mode::Plain;
use super::redis_key::RedisKey;

impl<V, C> Builder<V, Plain, C> {
    /// Sets the type of the keys that entries are read, loaded and evicted by; `str` by default.
    ///
    /// A key of another type does not compile. Any type will do that is `Display`, `Clone`, `Hash` and
    /// `Eq`. In Redis a key is the text that it displays as, so keys that display alike are one entry;
    /// see [`RedisKey`]. The cache is a `RedisCache<V, Plain, K>`, or a `RedisCache<V, Coherent, K>`.
    ///
    /// Loaders of several entries and of refreshes are given keys of this type. [`key_by`](Self::key_by)
    /// and [`group_by`](Self::group_by) are given their texts. Set it first: after
    /// [`evict_on`](Self::evict_on) it does not compile, and after
    /// [`refresh_ahead`](Self::refresh_ahead) or [`refresh_keys`](Self::refresh_keys) the cache does not
    /// [build](Self::build).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fmt;
    /// use std::time::Duration;
    /// use cache_runtime::redis::Coherent;
    /// use cache_runtime::{Bus, Evict, InvalidationEvent, RedisCache, cache_invalidation};
    ///
    /// #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    /// struct GuildId(u64);
    ///
    /// impl fmt::Display for GuildId {
    ///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    ///         self.0.fmt(f)
    ///     }
    /// }
    ///
    /// #[derive(InvalidationEvent)]
    /// enum RoleEvent { Guild { guild: u64 }, All }
    ///
    /// #[cache_invalidation(channel = "cache:key-type-example", event = RoleEvent)]
    /// struct RoleService;
    ///
    /// type Roles = RedisCache<Vec<String>, Coherent, GuildId>;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let service = RoleService::new(&bus);
    /// let roles: Roles = RedisCache::<Vec<String>>::builder(&bus, "roles", Duration::from_secs(60))
    ///     .key_type::<GuildId>()
    ///     .evict_on(&service, |event| match event {
    ///         RoleEvent::Guild { guild } => Evict::key(GuildId(*guild)),
    ///         RoleEvent::All => Evict::All,
    ///     })
    ///     .build()?;
    /// # bus.ready().await?;
    /// let (one, two) = (GuildId(1), GuildId(2));
    /// roles.get_or_load(&one, || async { vec!["admin".to_owned()] }).await?;
    ///
    /// let load = async |guilds: Vec<GuildId>| guilds.into_iter().map(|guild| (guild, Vec::new()));
    /// let found = roles.get_many_or_load(&[one, two], load).await?;
    /// assert_eq!(found[&one], ["admin"]);
    ///
    /// service.invalidate_guild(1_u64).await?;
    /// assert_eq!(roles.get(&one).await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_type<K: RedisKey>(self) -> Builder<V, Plain, C, K> {
        let ahead = self.load_ahead.is_some().then_some("refresh_ahead");
        let scheduled = (!self.scheduled.is_empty()).then_some("refresh_keys");
        Builder {
            options: self.options,
            // What has been set for keys of another type is left out, and the cache does not build.
            load_ahead: None,
            scheduled: Vec::new(),
            misplaced: self.misplaced.or(ahead).or(scheduled),
            codec: self.codec,
            sources: self.sources,
            origin: self.origin,
            mode: PhantomData,
        }
    }
}
