//! Writes to the database, each followed by an event.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cache_runtime::__private::publish_raw;
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::instance::{CHANNEL, Instance, RowEvent};
use crate::world::{World, below, between, ms, now, one_in};

/// What became of an event.
#[derive(Clone, Copy)]
enum Fate {
    Acknowledged,
    Confirmed,
    /// The server has not taken it yet, or not confirmed it.
    Later,
    Refused,
}

/// Writes until the world is quiet.
pub(crate) async fn write_on(world: Arc<World>, instance: Arc<Instance>) {
    loop {
        sleep(between(ms(0), world.plan.write_gap)).await;
        if world.is_quiet() {
            return;
        }
        let some =
            (0..=below(world.plan.batch)).map(|_| write(&world, &instance, world.some_keys()));
        join_all(some).await;
    }
}

/// One transaction, and the event that tells of it, which is published in one of several ways.
pub(crate) async fn write(world: &World, instance: &Instance, keys: Vec<u64>) {
    let (rows, history) = (instance.some_channel(), &world.history);
    world.writing.fetch_add(1, Ordering::Relaxed);
    let event = || match *keys {
        [key] => RowEvent::Row { key },
        _ => RowEvent::Rows { keys: keys.clone() },
    };
    let commit = || -> Vec<u64> { keys.iter().map(|key| history.write(*key)).collect() };
    let (versions, fate) = if one_in(world.plan.confirmed_one_in) {
        let versions = commit();
        world.trace(|| {
            format!(
                "instance {}: confirm {keys:?} {versions:?}",
                instance.number
            )
        });
        let fate = match rows.publish_all([event()]).confirmed().await {
            Ok(_) => Fate::Confirmed,
            Err(error) => {
                world.trace(|| format!("not confirmed: {error}"));
                Fate::Later
            }
        };
        (versions, fate)
    } else if one_in(8) {
        let change = rows.begin_change(event());
        sleep(between(ms(0), ms(10))).await;
        let versions = commit();
        (versions, fate_of(change.committed().await))
    } else {
        let versions = commit();
        (versions, fate_of(rows.publish(&event()).await))
    };
    world.count(|run| {
        run.events += 1;
        let writes = keys.len() as u64;
        run.writes += writes;
        *match fate {
            Fate::Acknowledged => &mut run.acknowledged,
            Fate::Confirmed => &mut run.confirmed,
            Fate::Later => &mut run.later,
            Fate::Refused => &mut run.refused,
        } += writes;
    });
    world.writing.fetch_sub(1, Ordering::Relaxed);
    for (key, version) in keys.into_iter().zip(versions) {
        // Whatever the server says, the instance itself does not find what it has changed.
        history.applied_by(key, version, instance.number);
        match fate {
            Fate::Acknowledged => history.acknowledged(key, version, now()),
            Fate::Confirmed => history.confirmed(key, version),
            Fate::Later => {}
            Fate::Refused => history.refused(key, version),
        }
    }
}

fn fate_of<T>(published: Result<T, cache_runtime::service::PublishError>) -> Fate {
    match published {
        Ok(_) => Fate::Acknowledged,
        Err(error) if error.is_deferred() => Fate::Later,
        Err(_) => Fate::Refused,
    }
}

/// Changes a row as a program of another version does, whose event is not understood.
pub(crate) async fn write_nonsense(world: &World, instance: &Instance) {
    let payloads: [&[u8]; 3] = [
        br#"{"type":"Renamed","key":1}"#,
        br#"{"type":"Row","key":"#,
        b"\xff",
    ];
    let key = world.some_key();
    let version = world.history.write(key);
    let payload = payloads[below(payloads.len())];
    match publish_raw(&instance.bus, CHANNEL, payload).await {
        Ok(_) => world.history.acknowledged(key, version, now()),
        // Such a program would try again.
        Err(_) => world.history.refused(key, version),
    }
}
