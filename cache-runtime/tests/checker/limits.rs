//! Bounded concurrent loads, and the memory that evictions free.

use shuttle::future::block_on;
use shuttle::sync::atomic::Ordering;
use shuttle::thread::{scope, yield_now};

use crate::world::{By, World};
use crate::{dropped_after, explore};

/// However many callers and keys there are, no more loads run than are allowed, and every caller
/// that waits is served.
#[test]
fn no_more_loads_than_are_allowed() {
    explore("two loads at a time", || {
        let world = World::with(|builder, _, _| builder.max_concurrent_loads(2));
        scope(|threads| {
            for key in 0..3 {
                let world = &world;
                threads.spawn(move || {
                    world.read(key);
                    world.read(0);
                });
            }
            threads.spawn(|| {
                let load = || world.database.load(1);
                block_on(dropped_after(3, world.cache.get_or_load(&1, load)));
                world.write(By::Key);
            });
        });
        assert!(world.database.most_running.load(Ordering::SeqCst) <= 2);
        world.settle();
    });
}

/// A task of the cache frees what `Evict::All` has evicted. It must not free what is stored
/// meanwhile, and must not miss what is evicted meanwhile.
#[test]
fn memory_is_given_back() {
    explore("memory is given back", || {
        // Large enough for several shards, which are freed one by one.
        let world = World::with(|builder, _, _| builder.max_entries(10_000));
        world.read(0);
        world.read(1);
        scope(|threads| {
            threads.spawn(|| {
                world.write(By::All);
                world.write(By::All);
            });
            threads.spawn(|| {
                world.read(0);
                world.read(1);
            });
            threads.spawn(|| {
                for _ in 0..3 {
                    world.run();
                    yield_now();
                }
            });
        });
        world.settle();
        block_on(world.rows.invalidate_all()).expect("the bus is open");
        world.run();
        assert_eq!(world.database.alive(), 0, "values left behind");
    });
}
