//! A cache that loads from another cache of its channel, built before or after it.

use cache_runtime::CoherentCache;
use shuttle::future::block_on;
use shuttle::thread::{scope, yield_now};

use crate::explore;
use crate::world::{By, Row, Rows, TTL, World, evict, tags};

type Outer = CoherentCache<u8, Row>;

/// A cache of rows, each under its own key, that every event evicts from.
fn outer(rows: &Rows) -> Outer {
    CoherentCache::builder("outer", TTL)
        // So few that there is one shard.
        .max_entries(100)
        .tags(tags)
        .evict_on(rows, evict)
        .build()
        .expect("usable settings")
}

struct Layers {
    outer: Outer,
    world: World,
}

impl Layers {
    fn new(outer_first: bool) -> Self {
        let mut first = None;
        let world = World::with(|inner, rows, _| {
            first = outer_first.then(|| outer(rows));
            inner
        });
        let outer = first.unwrap_or_else(|| outer(&world.rows));
        world.ready();
        Self { outer, world }
    }

    /// Reads through both caches, and checks the version.
    fn read(&self, key: u8) {
        let database = &self.world.database;
        let (floor, arrived) = (database.floor(key), database.clock.elapsed());
        let row = block_on(self.outer.get_or_load(&key, || self.load(key)));
        row.check(key, floor, arrived);
    }

    /// Stores with a token what the inner cache has.
    fn store(&self, key: u8) {
        let token = self.outer.begin_load(&key);
        let row = block_on(self.load(key));
        let _ = token.store(row);
    }

    async fn load(&self, key: u8) -> Row {
        let loader = || self.world.database.load(key);
        self.world.cache.get_or_load(&key, loader).await
    }

    /// Checks what must hold when the caches are no longer used.
    fn settle(self) {
        let Self { outer, world } = self;
        assert_eq!(outer.stats().loading, 0, "loads left behind");
        for (key, row) in outer.entries() {
            row.check(
                key,
                world.database.floor(key),
                world.database.clock.elapsed(),
            );
        }
        drop(outer);
        world.settle();
    }
}

fn reads_against(outer_first: bool, by: By) {
    let layers = Layers::new(outer_first);
    scope(|threads| {
        threads.spawn(|| {
            layers.read(0);
            layers.read(1);
            layers.read(0);
        });
        threads.spawn(|| {
            layers.store(0);
            layers.read(0);
        });
        threads.spawn(|| {
            layers.world.write(by);
            layers.read(0);
            layers.world.write(by);
            layers.read(0);
        });
        // Receives what the thread above has published.
        threads.spawn(|| {
            for _ in 0..2 {
                layers.world.run();
                yield_now();
            }
        });
    });
    layers.settle();
}

#[test]
fn the_outer_built_first() {
    for by in [By::Key, By::Predicate, By::Tag, By::All] {
        let what = format!("two caches, the outer first, {by:?}");
        explore(&what, move || reads_against(true, by));
    }
}

#[test]
fn the_inner_built_first() {
    for by in [By::Key, By::Predicate, By::Tag, By::All] {
        let what = format!("two caches, the inner first, {by:?}");
        explore(&what, move || reads_against(false, by));
    }
}
