//! Reads through a cache or of a snapshot, each of which is checked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::sleep;

use crate::instance::{Instance, promise};
use crate::world::{World, below, between, ms, now, one_in};

/// Reads until nobody writes any more.
pub(crate) async fn read_on(world: Arc<World>, instance: Arc<Instance>) {
    loop {
        sleep(between(ms(1), world.plan.read_gap)).await;
        if world.is_quiet() {
            return;
        }
        let (world, reader) = (Arc::clone(&world), Arc::clone(&instance));
        // The next reads do not wait for these, and may share their loads.
        instance.process.spawn(async move {
            let some = (0..=below(1 + world.plan.batch / 4)).map(|_| {
                let which = below(reader.caches.len());
                read(&world, &reader, which, world.some_key())
            });
            let all = read_snapshot(&world, &reader, world.some_key());
            join(join_all(some), all).await;
        });
    }
}

/// One read, by `get` or with a load.
pub(crate) async fn read(world: &World, instance: &Instance, which: usize, key: u64) {
    let (cache, promise) = &instance.caches[which];
    let began = now();
    let floor = world.history.floor(key, instance.number, *promise, began);
    let found = if one_in(4) {
        cache.get(&key)
    } else {
        let load = world.plan.load;
        let loading = cache.try_get_or_load(&key, || {
            let (history, key) = (Arc::clone(&world.history), key);
            async move {
                // The database answers with what it holds at some time of the load.
                sleep(between(ms(0), load)).await;
                let version = history.version(key);
                sleep(between(ms(0), load)).await;
                if one_in(20) { Err(()) } else { Ok(version) }
            }
        });
        loading.await.ok()
    };
    world.count(|run| run.reads += 1);
    if let Some(version) = found
        && version < floor
    {
        world.violate(|| {
            format!(
                "instance {}, cache {which}, key {key}: a read that began at {began:?} found version \
                 {version}, and version {floor} was to be found ({promise:?})",
                instance.number
            )
        });
    }
}

/// One read of a snapshot. What it says is proven to be current has to be as new as what a cache returns.
async fn read_snapshot(world: &World, instance: &Instance, key: u64) {
    let (snapshot, began) = (&instance.snapshot, now());
    let promise = promise(&world.plan, Duration::ZERO);
    let floor = world.history.floor(key, instance.number, promise, began);
    let waits = one_in(2);
    let found = if waits {
        snapshot.get_fresh().await.ok()
    } else {
        let reading = snapshot.read();
        reading.freshness.is_fresh().then_some(reading.value)
    };
    let Some(rows) = found else { return };
    world.count(|run| run.proven += 1);
    let version = rows[usize::try_from(key).expect("a small number")];
    if version < floor {
        world.violate(|| {
            format!(
                "instance {}, snapshot (waits: {waits}), key {key}: a read that began at {began:?} found \
                 version {version}, and version {floor} was to be found ({promise:?})",
                instance.number
            )
        });
    }
}
