//! Loaders that fail or panic, and callers that are dropped: they leave nothing behind. Those who
//! wait share a failure; after a panic or a drop, one of them loads next.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::Ordering;
use shuttle::thread::scope;

use crate::world::{By, Row, World};
use crate::{dropped_after, explore};

#[derive(Debug, Clone, Copy)]
enum Fate {
    Fails,
    Panics,
    IsDropped,
    Succeeds,
}

const FATES: [Fate; 4] = [Fate::Fails, Fate::Panics, Fate::IsDropped, Fate::Succeeds];

/// A load that ends in this way after others may have joined it.
async fn load(world: &World, fate: Fate) -> Result<Row, &'static str> {
    let row = world.database.load(0).await;
    match fate {
        Fate::Fails => Err("as the test wants it"),
        // Does not call the panic hook; the checker's hook treats every panic as a failure.
        Fate::Panics => resume_unwind(Box::new("as the test wants it")),
        Fate::IsDropped | Fate::Succeeds => Ok(row),
    }
}

/// A caller that ends in this way, if it is its turn to load.
fn call(world: &World, fate: Fate) {
    let (floor, arrived) = (world.database.floor(0), world.database.clock.elapsed());
    let polls = match fate {
        Fate::IsDropped => thread_rng().gen_range(1..6),
        _ => usize::MAX,
    };
    let call = world.cache.try_get_or_load(&0, || load(world, fate));
    let outcome = catch_unwind(AssertUnwindSafe(|| block_on(dropped_after(polls, call))));
    match (outcome, fate) {
        // Another caller's load may succeed.
        (Ok(Some(Ok(row))), _) => row.check(0, floor, arrived),
        // And it may fail.
        (Ok(Some(Err(_))), _) | (Ok(None), Fate::IsDropped) | (Err(_), Fate::Panics) => {}
        (outcome, fate) => panic!("{fate:?}, but it ended with {outcome:?}"),
    }
}

fn end_in(fates: &'static [Fate], by: Option<By>) {
    let world = World::new();
    scope(|threads| {
        for fate in fates {
            threads.spawn(|| call(&world, *fate));
        }
        if let Some(by) = by {
            let world = &world;
            threads.spawn(move || world.write(by));
        }
    });
    if by.is_none() {
        // A load that succeeds is stored, however its waiting callers have ended. If one fails, all
        // others may have waited for it.
        let may_fail = fates.iter().any(|fate| matches!(fate, Fate::Fails));
        assert!(may_fail || world.cache.contains(&0), "nothing is stored");
        let most = world.database.most_running.load(Ordering::SeqCst);
        assert_eq!(most, 1, "loads of one key at a time");
    }
    world.settle();
}

#[test]
fn a_loader_fails() {
    const FATES: [Fate; 4] = [Fate::Fails, Fate::Fails, Fate::Succeeds, Fate::Succeeds];
    explore("loaders fail", || end_in(&FATES, None));
    explore("loaders fail, a key is evicted", || {
        end_in(&FATES, Some(By::Key));
    });
}

#[test]
fn a_loader_panics() {
    const FATES: [Fate; 4] = [Fate::Panics, Fate::Panics, Fate::Succeeds, Fate::Succeeds];
    explore("loaders panic", || end_in(&FATES, None));
    explore("loaders panic, everything is evicted", || {
        end_in(&FATES, Some(By::All));
    });
}

#[test]
fn a_caller_is_dropped() {
    const FATES: [Fate; 4] = [
        Fate::IsDropped,
        Fate::IsDropped,
        Fate::IsDropped,
        Fate::Succeeds,
    ];
    explore("callers are dropped", || end_in(&FATES, None));
    explore("callers are dropped, a predicate evicts", || {
        end_in(&FATES, Some(By::Predicate));
    });
}

#[test]
fn anything_may_happen() {
    explore("fail, panic, drop", || end_in(&FATES, Some(By::All)));
    explore("fail, panic, drop, a tag is evicted", || {
        end_in(&FATES, Some(By::Tag));
    });
}

/// Tokens that are dropped leave nothing behind that a caller could wait for.
#[test]
fn a_token_is_dropped() {
    explore("tokens are dropped", || {
        let world = World::new();
        scope(|threads| {
            for fate in [Fate::Fails, Fate::Succeeds] {
                let world = &world;
                threads.spawn(move || {
                    let token = world.cache.begin_load(&0);
                    call(world, fate);
                    drop(token);
                });
            }
            threads.spawn(|| world.store(0));
            threads.spawn(|| world.write(By::Key));
        });
        world.settle();
    });
}
