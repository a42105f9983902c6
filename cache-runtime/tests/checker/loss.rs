//! Writes of other instances, and the loss of their events.

use std::sync::{Arc, Mutex};

use cache_runtime::__private::publish_raw;
use cache_runtime::service::Subscription;
use shuttle::future::block_on;
use shuttle::thread::{scope, yield_now};

use crate::explore;
use crate::world::{Database, RowEvent, Rows, World};

/// Acknowledges a write once the cache has applied its event, by one subscriber that is called
/// before the cache and one that is called after it.
struct Follower {
    _subscriptions: [Subscription; 2],
}

impl Follower {
    fn before(rows: &Rows, database: &Arc<Database>, seen: &Arc<Mutex<u64>>) -> Subscription {
        let (database, seen) = (Arc::clone(database), Arc::clone(seen));
        // A lost event belongs to this version or an earlier one.
        rows.subscribe_inline(move |_event: &RowEvent| {
            *seen.lock().unwrap() = database.version(0);
        })
    }

    fn after(rows: &Rows, database: &Arc<Database>, seen: &Arc<Mutex<u64>>) -> Subscription {
        let (database, seen) = (Arc::clone(database), Arc::clone(seen));
        rows.subscribe_inline(move |event: &RowEvent| match event {
            RowEvent::Written { key, version } => database.acknowledge(*key, *version),
            RowEvent::All => database.acknowledge(0, *seen.lock().unwrap()),
            _ => unreachable!("nobody publishes it"),
        })
    }

    fn of_a_world() -> (World, Self) {
        let seen = Arc::new(Mutex::new(0));
        let mut before = None;
        let world = World::with(|builder, rows, database| {
            before = Some(Self::before(rows, database, &seen));
            builder
        });
        let after = Self::after(&world.rows, &world.database, &seen);
        let before = before.expect("it was called");
        world.ready();
        (
            world,
            Self {
                _subscriptions: [before, after],
            },
        )
    }
}

/// Runs loads and tokens while the bus receives what `write` sends.
fn readers_while(write: impl Fn(&World, &Rows) + Sync) {
    let (world, _follower) = Follower::of_a_world();
    let other = Rows::new(&world.bus.another_instance());
    scope(|threads| {
        threads.spawn(|| {
            for _ in 0..3 {
                world.read(0);
            }
        });
        threads.spawn(|| {
            world.store(0);
            world.peek(0);
            world.read(0);
            world.peek(0);
        });
        threads.spawn(|| {
            for _ in 0..4 {
                world.run();
                yield_now();
            }
        });
        threads.spawn(|| write(&world, &other));
    });
    world.run();
    world.ready();
    world.settle();
}

fn publish(world: &World, other: &Rows) {
    let version = world.database.write(0);
    block_on(other.invalidate_written(0, version)).expect("the bus is open");
}

/// Writes, and publishes a message that is rejected. It counts as a lost event.
fn lose(world: &World) {
    world.database.write(0);
    let sent = publish_raw(&world.bus, world.rows.channel(), b"{\"type\":\"newer\"}");
    block_on(sent).expect("the bus is open");
}

#[test]
fn events_of_others() {
    explore("another instance writes", || {
        readers_while(|world, other| {
            publish(world, other);
            publish(world, other);
        });
    });
}

/// The first loss empties the cache; the second also makes it bypass for a while.
#[test]
fn losses() {
    explore("events are lost", || {
        readers_while(|world, other| {
            lose(world);
            lose(world);
            publish(world, other);
        });
    });
}
