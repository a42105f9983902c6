//! Helpers of the integration tests: a Redis server per test, a faulty network, a second process,
//! and waiting for conditions instead of a fixed time.
//!
//! | Piece | What for |
//! |---|---|
//! | [`Server`] | a real server per test: kill, restart, freeze, look inside |
//! | [`SentinelSet`] | a primary with replicas and Sentinels, for fail-overs |
//! | [`RedisCluster`] | six servers that are a cluster |
//! | [`Admin`] | the test's own connection to it: `CLIENT KILL`, `ACL SETUSER`, `PUBLISH` |
//! | [`Proxy`] | a TCP proxy that delays, throttles, black-holes and cuts |
//! | [`Relay`] | the same for RESP: connections that lose messages, or move to another server
//! | [`Postgres`] | a PostgreSQL server of the test's own, and databases in it |
//! | [`Browser`] | a browser without a window, and what a page shows in it |
//! | [`Child`] | a second process: this test binary again, an example, or any program |
//! | [`Recorder`] | a handler that records the events it receives |
//! | [`log`] | what the library warns of |
//! | [`block_on`] | waits without a Tokio runtime |
//! | [`in_turn`] | causes faults one after the other, each at least once |
//! | [`eventually`], [`until`], [`within`] | wait for a condition, and report what was missing |

mod admin;
mod block_on;
mod browser;
mod child;
mod in_turn;
pub mod log;
mod port;
mod postgres;
mod process;
mod proxy;
mod recorder;
mod redis_cluster;
mod relay;
mod sentinel;
mod server;
mod wait;

pub use admin::{Admin, Client};
pub use block_on::block_on;
pub use browser::Browser;
pub use child::{Child, role};
pub use in_turn::in_turn;
pub use port::Port;
pub use postgres::Postgres;
pub use process::server_binary;
pub use proxy::{Direction, Proxy};
pub use recorder::Recorder;
pub use redis_cluster::RedisCluster;
pub use relay::Relay;
pub use sentinel::SentinelSet;
pub use server::{Server, ServerBuilder};
pub use wait::{DEADLINE, eventually, until, within};

/// Makes the examples of the README compile and run as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The same for the guide to running.
#[cfg(doctest)]
#[doc = include_str!("../../docs/running.md")]
struct Running;

/// The same for the documentation of the macros.
#[cfg(doctest)]
#[doc = include_str!("../../cache-derive/src/invalidation_event.md")]
struct Event;

#[cfg(doctest)]
#[doc = include_str!("../../cache-derive/src/cache_invalidation.md")]
struct Service;
