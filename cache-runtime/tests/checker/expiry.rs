//! Entries that expire while they are loaded, stored and read: no caller gets an entry that had
//! expired when the caller asked.

use shuttle::thread::{scope, yield_now};

use crate::explore;
use crate::world::{By, TTL, World};

fn expire(by: Option<By>) {
    let world = World::new();
    scope(|threads| {
        threads.spawn(|| {
            for time in [TTL / 2, TTL, TTL / 2] {
                world.database.clock.advance(time);
                yield_now();
            }
        });
        for _ in 0..2 {
            threads.spawn(|| {
                world.read(0);
                world.peek(0);
                world.read(0);
            });
        }
        threads.spawn(|| {
            world.store(0);
            world.peek(0);
            if let Some(by) = by {
                world.write(by);
            }
        });
    });
    world.settle();
}

#[test]
fn during_loads() {
    explore("the TTL runs out", || expire(None));
    explore("the TTL runs out, a key is evicted", || {
        expire(Some(By::Key));
    });
}
