//! Each remedy is needed: without it, a promise is broken.

use std::sync::RwLock;
use std::time::{Duration, Instant};

use cache_runtime::__private::{Remedy, switch_off};

use crate::faults::Fault::{self, *};
use crate::world::World;

/// How long a remedy may be off before a promise is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// A remedy, and what is needed to need it.
struct Case {
    remedy: Remedy,
    faults: &'static [Fault],
    /// A remedy that comes first. Both are off.
    behind: Option<Remedy>,
}

const fn case(remedy: Remedy, faults: &'static [Fault]) -> Case {
    Case {
        remedy,
        faults,
        behind: None,
    }
}

const CASES: [Case; 22] = [
    case(Remedy::LoadToken, &[Cut]),
    case(Remedy::FlushOfCaches, &[Cut]),
    case(Remedy::FlushOfHandlers, &[Cut]),
    case(Remedy::LeaseAtRead, &[Stop]),
    case(Remedy::LeaseFromSending, &[Delay, Hole]),
    case(Remedy::CanaryComesBack, &[Deaf]),
    case(Remedy::MissingCanary, &[Deaf]),
    case(Remedy::Bypass, &[Hole]),
    case(Remedy::ServeForEnds, &[Hole]),
    case(Remedy::FreshWhileBypassed, &[Hole]),
    Case {
        remedy: Remedy::Role,
        faults: &[Split, ListRefused, Cut],
        behind: Some(Remedy::PrimaryTakesEvents),
    },
    case(Remedy::PrimaryTakesEvents, &[Demotion, Cut]),
    case(Remedy::FlushOfRejected, &[Nonsense]),
    case(Remedy::Overflow, &[Burst, Stop]),
    case(Remedy::HandlerOverflow, &[Burst]),
    case(Remedy::LocalEviction, &[Cut]),
    case(Remedy::Outbox, &[HoleUp]),
    case(Remedy::OutboxCollapse, &[HoleUp]),
    case(Remedy::SilentLease, &[HalfOpen]),
    case(Remedy::YoungList, &[ListDeleted]),
    case(Remedy::Unlisted, &[ListRefused]),
    case(Remedy::ListenedForLong, &[ListRefused]),
];

/// What is found elsewhere.
const ELSEWHERE: [(Remedy, &str); 4] = [
    (
        Remedy::Barrier,
        "concurrency checker: between two caches that are told of an event, nothing else runs here",
    ),
    (
        Remedy::Identity,
        "`tests/sim`, `redis/moved`: it notices at once what a canary that does not come back tells \
         within a lease",
    ),
    (
        Remedy::ProvenSinceBegun,
        "`redis/primary`: behind `PrimaryTakesEvents`",
    ),
    (
        Remedy::UnansweredFlush,
        "specification, `redis/confirmed`: only for losses on an open connection that no canary tells of",
    ),
];

/// Held for reading while all remedies apply, and for writing while one is off.
pub(crate) fn lock() -> &'static RwLock<()> {
    static LOCK: RwLock<()> = RwLock::new(());
    &LOCK
}

#[test]
fn each_remedy_is_needed() {
    let _alone = lock().write();
    let mut unnoticed = Vec::new();
    for case in &CASES {
        let remedy = case.remedy;
        match notice(case) {
            Ok((seeds, took, violation)) => {
                println!("| {remedy:?} | {seeds} | {took:.1?} | {violation} |");
            }
            Err(seeds) => unnoticed.push(format!("{remedy:?}: nothing in {seeds} seeds")),
        }
    }
    for (remedy, by) in ELSEWHERE {
        println!("| {remedy:?} | | | {by} |");
    }
    let listed = CASES
        .iter()
        .map(|case| case.remedy)
        .chain(ELSEWHERE.map(|(remedy, _)| remedy));
    let listed: Vec<_> = listed.collect();
    let missing: Vec<_> = Remedy::ALL
        .into_iter()
        .filter(|remedy| !listed.contains(remedy))
        .collect();
    assert!(missing.is_empty(), "without a case: {missing:?}");
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// Runs seeds until a promise is broken: after how many, how long that took, and which promise. Otherwise
/// how many seeds there were.
fn notice(case: &Case) -> Result<(u64, Duration, String), u64> {
    let off: Vec<_> = case.behind.into_iter().chain([case.remedy]).collect();
    let began = Instant::now();
    let mut seed = 0;
    loop {
        seed += 1;
        switch_off(&off);
        let run = World::run_with(seed, Some(case.faults), false);
        switch_off(&[]);
        match run {
            Err(violation) => break Ok((seed, began.elapsed(), violation)),
            Ok(_) if began.elapsed() > LIMIT => break Err(seed),
            Ok(_) => {}
        }
    }
}
