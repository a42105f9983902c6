//! Many tasks at the same time.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cache_runtime::__private::{Acquired, DeleteIf, Keyspace, Seek};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use crate::backend::{Backend, LONG, entry, grouped};

const TASKS: usize = 16;

/// The keyspaces of several instances.
async fn instances(on: &Backend) -> Vec<Keyspace> {
    let mut instances = vec![on.kv.clone()];
    for _ in 0..3 {
        instances.push(Keyspace::new(&on.another().await));
    }
    instances
}

/// Runs `task` many times concurrently, spread over all instances.
async fn all_at_once<F>(on: &Backend, task: impl Fn(Keyspace, usize) -> F) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let instances = instances(on).await;
    let barrier = Arc::new(Barrier::new(TASKS));
    let mut tasks = JoinSet::new();
    for (number, instance) in (0..TASKS).zip(instances.iter().cycle()) {
        let (work, barrier) = (task(instance.clone(), number), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            work.await
        });
    }
    tasks.join_all().await
}

pub(crate) async fn one_of_many_sets_what_was_absent(on: Backend) {
    const KEYS: usize = 50;
    let results = all_at_once(&on, |kv, number| async move {
        let mut winners = Vec::new();
        for key in 0..KEYS {
            let (key, own) = (format!("key:{key}"), number.to_string());
            let found = kv.set_if_absent(&key, own.as_bytes(), LONG).await.unwrap();
            let winner = found.map_or(own, |found| String::from_utf8(found).unwrap());
            winners.push((winner.parse::<usize>().unwrap(), number));
        }
        winners
    })
    .await;
    for key in 0..KEYS {
        let seen: Vec<(usize, usize)> = results.iter().map(|winners| winners[key]).collect();
        let winners = seen.iter().filter(|(winner, number)| winner == number);
        assert_eq!(winners.count(), 1, "key {key}: {seen:?}");
        assert!(
            seen.iter().all(|(winner, _)| *winner == seen[0].0),
            "{seen:?}"
        );
    }
}

pub(crate) async fn one_of_many_gets_the_token(on: Backend) {
    const KEYS: usize = 50;
    let results = all_at_once(&on, |kv, _| async move {
        let mut held = Vec::new();
        for key in 0..KEYS {
            let names = entry(&key.to_string());
            let acquired = kv.acquire(&names, Seek::Missing, LONG).await.unwrap();
            held.push(u32::from(acquired != Acquired::Busy));
        }
        held
    })
    .await;
    for key in 0..KEYS {
        let holders: u32 = results.iter().map(|held| held[key]).sum();
        assert_eq!(holders, 1, "key {key}");
    }
}

/// Only the caller that set the key deletes it, although all others try to delete it too.
pub(crate) async fn nobody_deletes_the_key_of_another(on: Backend) {
    const ROUNDS: usize = 100;
    let inside = Arc::new(AtomicU64::new(0));
    let turns = all_at_once(&on, |kv, number| {
        let inside = Arc::clone(&inside);
        async move {
            let mut turns = 0;
            for round in 0..ROUNDS {
                let own = format!("{number}:{round}").into_bytes();
                if kv.set_if_absent("key", &own, LONG).await.unwrap().is_some() {
                    let deleted = kv.delete_if_equal("key", &own).await.unwrap();
                    assert_ne!(deleted, DeleteIf::Deleted);
                    continue;
                }
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                yield_now().await;
                assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                let deleted = kv.delete_if_equal("key", &own).await.unwrap();
                assert_eq!(deleted, DeleteIf::Deleted);
                turns += 1;
            }
            turns
        }
    })
    .await;
    assert!(turns.iter().sum::<usize>() > 0);
}

/// A value changes, and one task evicts after every change, while others load it. A lookup never
/// finds a value older than the last eviction, however long a load took.
pub(crate) async fn no_fill_is_older_than_the_last_eviction(on: Backend) {
    const CHANGES: u64 = 300;
    let (truth, evicted, done) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (fills, hits) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    all_at_once(&on, |kv, number| {
        let (truth, evicted, done) = (truth.clone(), evicted.clone(), done.clone());
        let (fills, hits) = (fills.clone(), hits.clone());
        async move {
            let a = grouped("a", "1");
            if number == 0 {
                // Wait for a fill before each change, so that there is something to evict.
                for change in 1..=CHANGES {
                    while fills.load(Ordering::SeqCst) < change {
                        yield_now().await;
                    }
                    truth.store(change, Ordering::SeqCst);
                    match change % 3 {
                        0 => kv.delete(&["cache:g"]).await.map(drop).unwrap(),
                        1 => kv.delete(&["cache:g:1"]).await.map(drop).unwrap(),
                        _ => kv.evict(slice::from_ref(&a)).await.unwrap(),
                    }
                    evicted.store(change, Ordering::SeqCst);
                }
                return done.store(true, Ordering::SeqCst);
            }
            while !done.load(Ordering::SeqCst) {
                // The backend in this process never yields.
                yield_now().await;
                let oldest = evicted.load(Ordering::SeqCst);
                if let Some(found) = kv.lookup(&a).await.unwrap() {
                    let found = u64::from_be_bytes(found.value.try_into().unwrap());
                    assert!(found >= oldest, "{found} after the eviction of {oldest}");
                    hits.fetch_add(1, Ordering::SeqCst);
                }
                let seek = [Seek::Missing, Seek::Refresh][number % 2];
                let acquired = kv.acquire(&a, seek, LONG).await.unwrap();
                let Acquired::Token(token) = acquired else {
                    continue;
                };
                let read = truth.load(Ordering::SeqCst);
                for _ in 0..number {
                    yield_now().await;
                }
                kv.fill(&token, &read.to_be_bytes(), LONG).await.unwrap();
                fills.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert!(hits.load(Ordering::SeqCst) > 0);
}
