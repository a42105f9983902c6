//! What grows with what: channels, instances, events, entries, and floods of `All`.
//!
//! ```sh
//! cargo bench -p benches --bench scale
//! cargo bench -p benches --bench scale -- channels storm    # only these parts
//! SCALE_SECONDS=30 SCALE_ENTRIES=100000000 cargo bench -p benches --bench scale
//! ```
//!
//! Prints tables, and draws `docs/scale/*.svg`. `SCALE_SECONDS` is how long each point is measured;
//! `SCALE_CHANNELS`, `SCALE_INSTANCES`, `SCALE_EVENTS`, `SCALE_ENTRIES` and `SCALE_FLUSHES` are the ends
//! of the scales. Shares of a core are of the CPU time that the process has used, so that other programs
//! on the machine change them little. All else they do change. Only counts make the benchmark fail.

mod channels;
mod entries;
mod events;
mod fleet;
mod instances;
mod number;
mod plot;
mod process;
mod publisher;
mod storm;
mod table;

use std::env;
use std::time::Duration;

use cache_runtime::{InvalidationEvent, cache_invalidation};

use process::Role;

#[derive(InvalidationEvent)]
pub(crate) enum UserEvent {
    User { user_id: u64 },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
pub(crate) struct Users;

const PARTS: [&str; 5] = ["channels", "instances", "events", "entries", "storm"];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    match Role::of_this_process() {
        Some(Role::Publisher) => return publisher::play().await,
        Some(Role::Entries) => return entries::play().await,
        Some(Role::Instances) => return fleet::play().await,
        None => {}
    }
    // Skips the options that Cargo adds.
    let wanted: Vec<_> = env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    for part in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == part) {
            match part {
                "channels" => channels::run().await,
                "instances" => instances::run().await,
                "events" => events::run().await,
                "entries" => entries::run().await,
                _ => storm::run().await,
            }
        }
    }
}

/// How long a point is measured.
pub(crate) fn seconds() -> Duration {
    Duration::from_secs(setting("SECONDS", 3))
}

/// The points from 1 to an end, each ten times the one before.
pub(crate) fn scale(variable: &str, end: u64) -> Vec<u64> {
    up_to(
        setting(variable, end),
        (0..10).map(|power| 10_u64.pow(power)),
    )
}

/// The points that come before an end, and the end.
pub(crate) fn up_to(end: u64, points: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let before = points.into_iter().filter(|point| *point < end);
    before.chain([end]).collect()
}

/// What the variable `SCALE_…` says.
pub(crate) fn setting(variable: &str, default: u64) -> u64 {
    env::var(format!("SCALE_{variable}"))
        .map_or(default, |text| text.parse().expect("it is to be a number"))
}
