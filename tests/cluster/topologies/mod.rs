//! The same audit where Redis really runs: with Sentinels, in a Redis Cluster, behind an address that
//! moves, with passwords that rotate, and for a publisher that is cut off.
//!
//! The faults of each are caused once, or as long as `TORTURE_SECONDS` says.

mod moved;
mod outbox;
mod passwords;
mod redis_cluster;
mod sentinels;

/// The number of reads between two pauses of a reader: servers that watch each other need time too.
const READS: usize = 4;
