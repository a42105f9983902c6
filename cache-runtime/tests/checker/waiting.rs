//! Callers that wait for nobody, or for themselves.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread::scope;

use crate::world::{By, World};
use crate::{dropped_after, explore};

/// Whoever would wait replaces the load instead. What it was replaced by is stored, and the load
/// that was replaced stores nothing.
#[test]
fn hung_loads_are_replaced() {
    for by in [By::Key, By::Predicate, By::Tag, By::All] {
        explore(&format!("loads are replaced, {by:?}"), move || {
            let world = World::with(|builder, _, _| builder.load_wait(Duration::ZERO));
            scope(|threads| {
                for _ in 0..2 {
                    threads.spawn(|| world.read(0));
                }
                threads.spawn(|| {
                    let load = || world.database.load(0);
                    block_on(dropped_after(4, world.cache.get_or_load(&0, load)));
                    world.read(0);
                });
                let world = &world;
                threads.spawn(move || world.write(by));
            });
            world.settle();
        });
    }
}

/// A loader that reads its own key does not wait for itself, whoever else loads and evicts it.
#[test]
fn a_load_reads_its_own_key() {
    explore("a load reads its own key", || {
        let world = World::new();
        scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    let (floor, arrived) =
                        (world.database.floor(0), world.database.clock.elapsed());
                    let load = async || {
                        let inner = || world.database.load(0);
                        world.cache.get_or_load(&0, inner).await
                    };
                    let row = block_on(world.cache.get_or_load(&0, load));
                    row.check(0, floor, arrived);
                });
            }
            threads.spawn(|| world.write(By::Key));
        });
        world.settle();
    });
}
