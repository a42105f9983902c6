//! Guides: each takes about ten minutes.
//!
//! | | |
//! |---|---|
//! | [`guarantees`] | what is promised, what is not, with the figures |
//! | [`choosing`] | which cache fits |
//! | [`running`] | addresses, readiness, access rules, Sentinel, cluster, TLS, ending |
//! | [`testing`] | tests without a server and without waiting |
//! | [`metrics`] | metrics, alerts and probes |
//! | [`from_typescript`] | the same patterns in TypeScript and here |
//! | [`cookbook`] | tasks, each in a few lines |
//!
//! # In the repository
//!
//! These are files of the repository, and no part of the package:
//!
//! | | |
//! |---|---|
//! | `docs/staleness.md` | every known cause of a stale cache, its remedy and its test |
//! | `docs/proof.md` | what is proven, and by which command |
//! | `docs/running.md` | each topology: what is proven there, and what a fail-over does |
//! | `examples/` | programs that run without a server, and over Redis |

// The links of all guides are in `links.md`, in front of each: the first definition of a link counts, so
// those at the end of each file are for readers of the files. rustdoc reports the examples of a guide as
// those of `links.md`, and counts its lines too.

#[doc = include_str!("links.md")]
#[doc = include_str!("guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("links.md")]
#[doc = include_str!("choosing.md")]
pub mod choosing {}

#[doc = include_str!("links.md")]
#[doc = include_str!("running.md")]
pub mod running {}

#[doc = include_str!("links.md")]
#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("links.md")]
#[doc = include_str!("metrics.md")]
pub mod metrics {}

#[doc = include_str!("links.md")]
#[doc = include_str!("from_typescript.md")]
pub mod from_typescript {}

#[doc = include_str!("links.md")]
#[doc = include_str!("cookbook.md")]
pub mod cookbook {}
