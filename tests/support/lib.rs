//! What the integration tests share: a Redis server of their own, a faulty network, a second
//! process, and waiting without sleeping.
//!
//! | Piece | What for |
//! |---|---|
//! | [`Server`] | a real server per test: kill, restart, freeze, look inside |
//! | [`Admin`] | the test's own connection to it: `CLIENT KILL`, `CLIENT LIST`, `ACL SETUSER`, `PUBLISH` |
//! | [`Proxy`] | a TCP proxy that delays, black-holes and cuts |
//! | [`Child`] | a second process: this test binary again, an example, or any program |
//! | [`Recorder`] | a handler that remembers what it was given |
//! | [`in_turn`] | causes faults one after the other, none left out |
//! | [`eventually`], [`within`] | wait for a condition, and say what was missing when it never came |

mod admin;
mod child;
mod in_turn;
mod port;
mod process;
mod proxy;
mod recorder;
mod server;
mod wait;

pub use admin::{Admin, Client};
pub use child::{Child, role};
pub use in_turn::in_turn;
pub use process::server_binary;
pub use proxy::{Direction, Proxy};
pub use recorder::Recorder;
pub use server::{Server, ServerBuilder};
pub use wait::{DEADLINE, eventually, within};

/// Has the examples of the README compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
