//! How long caches return what another instance has changed: ours, and what else a Rust program would use.
//!
//! ```sh
//! cargo bench -p benches --bench contest
//! CONTEST_ROUNDS=10 cargo bench -p benches --bench contest    # more rounds of each race
//! ```
//!
//! All contenders take part in the same program, over the same servers, with the same counts and times,
//! one after the other. Each has one instance that reads and one that writes. A read is stale if it
//! returns what was no longer in the database when the write, and the call that tells the others of it,
//! had returned. Prints a table. Nothing that it measures makes it fail.

mod cached;
mod contender;
mod faults;
mod moka;
mod ours;
mod races;
mod redis_rs;

use std::env;

use support::Server;

use cached::Cached;
use contender::Contender;
use moka::Moka;
use ours::{Coherent, CoherentInRedis};
use redis_rs::{Managed, Multiplexed};

const ROUNDS: usize = 5;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let rounds = env::var("CONTEST_ROUNDS").map_or(ROUNDS, |rounds| {
        rounds.parse().expect("CONTEST_ROUNDS is a number")
    });
    println!(
        "| | overtaken loads: stale keys, oldest read | the same, loads take {:?} | emptied while \
         read: stale keys | connection cut | silent network | writer left on a former primary |\n\
         |---|---|---|---|---|---|---|",
        races::LATE
    );
    row::<Multiplexed>(rounds).await;
    row::<Managed>(rounds).await;
    row::<Cached>(rounds).await;
    row::<Moka<false>>(rounds).await;
    row::<Moka<true>>(rounds).await;
    row::<Coherent>(rounds).await;
    row::<CoherentInRedis>(rounds).await;
}

async fn row<C: Contender>(rounds: usize) {
    let server = Server::start().await;
    let overtaken = races::overtaken::<C>(&server, rounds, None).await;
    let late = if C::LOADS {
        races::overtaken::<C>(&server, rounds, Some(races::LATE)).await
    } else {
        // Redis itself is what it loads from.
        "–".to_owned()
    };
    let emptied = races::emptied::<C>(&server, rounds).await;
    let cut = faults::cut::<C>(&server).await;
    let silent = faults::silent::<C>(&server).await;
    let demoted = faults::demoted::<C>().await;
    println!(
        "| {} | {overtaken} | {late} | {emptied} | {cut} | {silent} | {demoted} |",
        C::NAME
    );
}
