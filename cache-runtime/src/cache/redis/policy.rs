//! What a cache does while Redis is away, and after events may have been lost.

/// What a load does while Redis is away.
///
/// A coherent cache in memory does not need Redis to read, but the proof that events arrive: its
/// policies are those of [`coherent::WhileDown`](crate::coherent::WhileDown). No policy of one fits
/// another, so each kind of cache has its own type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhileDown {
    /// The value is loaded without Redis, and kept in memory if the cache has that level. The
    /// failure of Redis is logged, at most once a second, and counted.
    #[default]
    LoadWithoutRedis,
    /// The load fails, for sources that cannot bear the loads of all instances.
    Fail,
}

/// What a coherent cache does with its entries in Redis after events may have been lost.
///
/// Memory is flushed in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFlush {
    /// They stay. A program that has built this cache deletes in Redis before it sends its event.
    /// So even an event that did not reach this instance has deleted the entry in Redis.
    #[default]
    KeepRedis,
    /// Everything is evicted in Redis too, and Redis is not read while events are not proven to
    /// arrive. The same happens when an instance starts.
    ///
    /// For channels on which programs without this cache publish, such as services in another
    /// language. What they evict while no instance receives it would stay in Redis until its TTL.
    EvictRedis,
}
