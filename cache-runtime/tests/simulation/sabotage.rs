//! Each remedy is needed: without it, a promise is broken.

use std::sync::RwLock;
use std::time::Instant;

use cache_runtime::__private::{Remedy, switch_off};

use crate::faults::Fault::{self, *};
use crate::plan::Plan;
use crate::world::{NOT_LIVE, World};

/// How many seeds there may be before a promise is broken. A seed takes about 0.1 s.
const MOST_SEEDS: u64 = 300;

/// A remedy, and what is needed to need it.
struct Case {
    remedy: Remedy,
    faults: &'static [Fault],
    /// A remedy that comes first. Both are off.
    behind: Option<Remedy>,
    /// The outbox holds few events, and nobody tells again of what it has dropped.
    overflows: bool,
}

const fn case(remedy: Remedy, faults: &'static [Fault]) -> Case {
    Case {
        remedy,
        faults,
        behind: None,
        overflows: false,
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
        overflows: false,
    },
    case(Remedy::PrimaryTakesEvents, &[Demotion, HoleDown]),
    case(Remedy::FlushOfRejected, &[Nonsense]),
    case(Remedy::Overflow, &[Burst, Stop]),
    case(Remedy::HandlerOverflow, &[Burst]),
    case(Remedy::LocalEviction, &[Cut]),
    case(Remedy::Outbox, &[HoleUp]),
    Case {
        overflows: true,
        ..case(Remedy::OutboxCollapse, &[HoleUp])
    },
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
        "`sim explore`, `redis/moved`: it tells at once what a canary that does not come back tells within \
         a lease",
    ),
    (
        Remedy::ProvenSinceBegun,
        "`redis/confirmed: not_if_this_instance_was_not_live_meanwhile`: here the list of instances tells \
         of all that may have missed an event",
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
    let _alone = lock().write().expect("no panic while a remedy was off");
    let mut unnoticed = Vec::new();
    for case in &CASES {
        let (remedy, began) = (case.remedy, Instant::now());
        match notice(case) {
            Some((seeds, violation)) => {
                println!(
                    "| {remedy:?} | {seeds} | {:.1?} | {violation} |",
                    began.elapsed()
                );
            }
            None => unnoticed.push(remedy),
        }
    }
    for (remedy, by) in ELSEWHERE {
        println!("| {remedy:?} | | | {by} |");
    }
    let elsewhere = ELSEWHERE.map(|(remedy, _)| remedy);
    let listed: Vec<_> = CASES
        .iter()
        .map(|case| case.remedy)
        .chain(elsewhere)
        .collect();
    let all = Remedy::ALL.into_iter();
    let missing: Vec<_> = all.filter(|remedy| !listed.contains(remedy)).collect();
    assert!(missing.is_empty(), "without a case: {missing:?}");
    assert!(
        unnoticed.is_empty(),
        "nothing was noticed without {unnoticed:?}"
    );
}

/// Runs seeds until a promise is broken: how many there were, and which promise.
///
/// With the remedy, the same seed breaks none.
fn notice(case: &Case) -> Option<(u64, String)> {
    let change = |plan: &mut Plan| {
        plan.faults = case.faults.to_vec();
        if case.overflows {
            plan.outbox = 1;
            plan.quiet_early = true;
        }
    };
    let run = |seed, off: &[Remedy]| {
        switch_off(off);
        let run = World::run_with(seed, change, false);
        switch_off(&[]);
        // That nothing works any more is no old value.
        run.err().filter(|violation| !violation.contains(NOT_LIVE))
    };
    let before: Vec<_> = case.behind.into_iter().collect();
    let off: Vec<_> = before.iter().copied().chain([case.remedy]).collect();
    (1..=MOST_SEEDS).find_map(|seed| {
        let violation = run(seed, &off)?;
        run(seed, &before).is_none().then_some((seed, violation))
    })
}
