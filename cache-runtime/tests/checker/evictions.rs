//! Loads that run beside evictions of the keys that they load.

use shuttle::future::block_on;
use shuttle::thread::scope;

use crate::explore;
use crate::world::{By, World};

/// Runs two threads that load, one that only reads the cache, and one that writes and reads its
/// writes.
fn loads_against(by: By) {
    let world = World::new();
    scope(|threads| {
        threads.spawn(|| {
            world.read(0);
            world.read(1);
            world.read(0);
        });
        threads.spawn(|| {
            world.read(1);
            world.read(0);
        });
        threads.spawn(|| {
            world.peek(0);
            world.peek(1);
            world.peek(0);
        });
        threads.spawn(|| {
            world.write(by);
            world.read(0);
            world.write(by);
            world.peek(0);
            world.peek(1);
        });
    });
    world.settle();
}

/// Runs tokens, also several of one row, beside loads of the row.
fn tokens_against(by: By) {
    let world = World::new();
    scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                world.store(0);
                world.peek(0);
                world.store(1);
            });
        }
        threads.spawn(|| {
            world.read(0);
            world.read(1);
            drop(world.cache.begin_load(&0));
        });
        threads.spawn(|| {
            world.write(by);
            world.peek(0);
            world.write(by);
            world.read(1);
        });
    });
    world.settle();
}

#[test]
fn of_a_key() {
    explore("loads, a key is evicted", || loads_against(By::Key));
    explore("tokens, a key is evicted", || tokens_against(By::Key));
}

#[test]
fn of_several_keys() {
    explore("loads, several keys are evicted", || {
        loads_against(By::Keys);
    });
    explore("tokens, several keys are evicted", || {
        tokens_against(By::Keys);
    });
}

#[test]
fn by_a_predicate() {
    explore("loads, a predicate evicts", || loads_against(By::Predicate));
    explore("tokens, a predicate evicts", || {
        tokens_against(By::Predicate);
    });
}

/// A load's tags are not known before it ends.
#[test]
fn by_a_tag() {
    explore("loads, a tag is evicted", || loads_against(By::Tag));
    explore("tokens, a tag is evicted", || tokens_against(By::Tag));
}

/// Loads of the other half that have begun before are stored.
#[test]
fn by_a_tag_that_a_load_does_not_carry() {
    explore("loads, another tag is evicted", || {
        let world = World::new();
        let tokens = [2, 3].map(|key| (key, world.cache.begin_load(&key)));
        scope(|threads| {
            for (key, token) in tokens {
                let world = &world;
                threads.spawn(move || {
                    let row = block_on(world.database.load(key));
                    token.store(row).expect("the event does not concern it");
                });
            }
            threads.spawn(|| {
                world.write(By::Tag);
                world.read(0);
            });
        });
        world.settle();
    });
}

#[test]
fn by_value() {
    explore("loads, a predicate over values evicts", || {
        loads_against(By::Value);
    });
    explore("tokens, a predicate over values evicts", || {
        tokens_against(By::Value);
    });
}

#[test]
fn of_everything() {
    explore("loads, everything is evicted", || loads_against(By::All));
    explore("tokens, everything is evicted", || tokens_against(By::All));
}

/// Two threads evict concurrently in different ways; each must find its own writes.
#[test]
fn by_several_at_once() {
    explore("several evict", || {
        let world = World::new();
        scope(|threads| {
            for by in [By::Keys, By::Predicate, By::Tag, By::All] {
                let world = &world;
                threads.spawn(move || {
                    world.write(by);
                    world.read(0);
                    world.peek(1);
                });
            }
            threads.spawn(|| {
                world.read(0);
                world.read(1);
            });
        });
        world.settle();
    });
}

/// Without evictions, one load serves all callers, whenever they ask.
#[test]
fn none() {
    explore("one load a key", || {
        let world = World::new();
        scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    world.read(0);
                    world.read(1);
                });
            }
        });
        assert_eq!(world.database.loads(), 2);
        world.settle();
    });
}
