//! A cluster of three shards: each has a channel of its own.

mod broadcast;
mod caches;
mod doctor;
mod failover;
mod fixture;
mod migration;
mod refused;
mod resharding;
