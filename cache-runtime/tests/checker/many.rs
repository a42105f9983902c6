//! Callers of several keys at a time, whose keys overlap.

use shuttle::future::block_on;
use shuttle::sync::atomic::Ordering;
use shuttle::thread::scope;

use crate::world::{By, Row, World};
use crate::{dropped_after, explore};

/// Loads several rows. The last of four has no value.
async fn load(world: &World, keys: Vec<u8>) -> Vec<(u8, Row)> {
    let mut rows = Vec::new();
    for key in keys.into_iter().filter(|key| *key < 3) {
        rows.push((key, world.database.load(key).await));
    }
    rows
}

/// Reads through the cache, and checks the versions.
fn read(world: &World, keys: &[u8]) {
    let (database, arrived) = (&world.database, world.database.clock.elapsed());
    let floors: Vec<_> = keys.iter().map(|key| database.floor(*key)).collect();
    let found = block_on(world.cache.get_many_or_load(keys, |keys| load(world, keys)));
    for (key, floor) in keys.iter().zip(floors) {
        match found.get(key) {
            Some(row) => row.check(*key, floor, arrived),
            None => assert_eq!(*key, 3, "it has a value"),
        }
    }
}

/// However the keys overlap, each is loaded once, and nobody waits for ever.
#[test]
fn that_overlap() {
    explore("several keys, overlapping", || {
        let world = World::new();
        scope(|threads| {
            for keys in [[0, 1], [1, 2], [2, 0]] {
                let world = &world;
                threads.spawn(move || read(world, &keys));
            }
            threads.spawn(|| world.read(1));
        });
        assert_eq!(world.database.loads(), 3);
        world.settle();
    });
    explore("several keys, one without a value", || {
        let world = World::new();
        scope(|threads| {
            for keys in [[0, 3], [3, 1], [1, 0]] {
                let world = &world;
                threads.spawn(move || read(world, &keys));
            }
        });
        world.settle();
    });
}

#[test]
fn within_a_limit() {
    explore("several keys, one load at a time", || {
        let world = World::with(|builder, _, _| builder.max_concurrent_loads(1));
        scope(|threads| {
            for keys in [[0, 1], [1, 2], [2, 0]] {
                let world = &world;
                threads.spawn(move || read(world, &keys));
            }
            threads.spawn(|| world.write(By::Key));
        });
        assert_eq!(world.database.most_running.load(Ordering::SeqCst), 1);
        world.settle();
    });
}

#[test]
fn against_evictions() {
    for by in [By::Key, By::Keys, By::Predicate, By::All] {
        explore(&format!("several keys, evicted, {by:?}"), move || {
            let world = World::new();
            scope(|threads| {
                threads.spawn(|| {
                    read(&world, &[0, 1]);
                    read(&world, &[1, 0]);
                });
                threads.spawn(|| read(&world, &[2, 1, 0]));
                let world = &world;
                threads.spawn(move || {
                    world.write(by);
                    world.peek(0);
                    read(world, &[0, 1]);
                    world.write(by);
                    world.peek(1);
                });
            });
            world.settle();
        });
    }
}

/// Whoever waits loads what a dropped caller leaves behind.
#[test]
fn of_callers_that_are_dropped() {
    explore("several keys, callers are dropped", || {
        let world = World::new();
        scope(|threads| {
            for (polls, keys) in [(3, [0, 1]), (5, [1, 2])] {
                let world = &world;
                threads.spawn(move || {
                    let load = |keys| load(world, keys);
                    let call = world.cache.get_many_or_load(&keys, load);
                    block_on(dropped_after(polls, call));
                });
            }
            threads.spawn(|| read(&world, &[2, 0, 1]));
            threads.spawn(|| world.read(1));
        });
        for key in 0..3 {
            assert!(world.cache.contains(&key), "row {key} is not stored");
        }
        world.settle();
    });
}
