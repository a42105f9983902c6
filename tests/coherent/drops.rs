//! Values whose `Drop` uses their own cache: nothing of the user's is dropped under a lock.

use std::sync::mpsc;
use std::thread;

use cache_runtime::{Bus, CoherentCache, Evict, ManualClock, TtlCache};
use tokio::runtime::Runtime;

use crate::{HOUR, UserEvent, Users};

/// Reads its cache when it is dropped.
struct Nosy<C: Reads>(C);

trait Reads: Clone {
    fn read(&self);
}

impl<C: Reads> Clone for Nosy<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Reads> Drop for Nosy<C> {
    fn drop(&mut self) {
        self.0.read();
    }
}

#[derive(Clone)]
struct InTtlCache(TtlCache<u64, Nosy<InTtlCache>>);

impl Reads for InTtlCache {
    fn read(&self) {
        for key in 0..KEYS {
            let _ = self.0.contains(&key);
            drop(self.0.remove(&(key + KEYS)));
        }
    }
}

#[derive(Clone)]
struct InCoherentCache(CoherentCache<u64, Nosy<InCoherentCache>>);

impl Reads for InCoherentCache {
    fn read(&self) {
        for key in 0..KEYS {
            let _ = self.0.contains(&key);
        }
        drop(self.0.begin_load(&KEYS));
    }
}

const KEYS: u64 = 20;
/// Room for twice the keys.
const ENTRIES: usize = 40;

/// Fails instead of waiting for ever.
fn in_time(work: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(support::DEADLINE).expect("it hangs");
}

#[test]
fn of_a_ttl_cache_may_use_it() {
    in_time(|| {
        let clock = ManualClock::new();
        let cache = TtlCache::builder("nosy", HOUR).max_entries(ENTRIES);
        let cache = InTtlCache(cache.clock(&clock).build().unwrap());
        let fill = || (0..2 * KEYS).for_each(|key| cache.0.insert(key, Nosy(cache.clone())));
        fill();
        // Expired entries are swept when others are stored.
        clock.advance(2 * HOUR);
        fill();
        fill();
        cache.0.retain(|key, _| key % 2 == 0);
        fill();
        cache.0.clear();
        assert!(cache.0.is_empty());
    });
}

#[test]
fn of_a_coherent_cache_may_use_it() {
    in_time(|| {
        let bus = Bus::in_process();
        let users = Users::new(&bus);
        let cache = CoherentCache::builder("nosy", HOUR).evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id.parse::<u64>().unwrap()),
            UserEvent::All => Evict::All,
            _ => Evict::matching(|key| key % 2 == 0),
        });
        let cache = InCoherentCache(cache.build().unwrap());
        Runtime::new().unwrap().block_on(async {
            bus.ready().await.unwrap();
            for round in 0..3 {
                for key in 0..KEYS {
                    let load = async || Nosy(cache.clone());
                    drop(cache.0.get_or_load(&key, load).await);
                }
                match round {
                    0 => users.invalidate_user("1").await,
                    1 => users.invalidate_renamed().await,
                    _ => users.invalidate_all().await,
                }
                .unwrap();
                // The thread for I/O evicts once more.
                let received = async || users.stats().received;
                support::eventually("the event", received, |times| *times > round).await;
            }
        });
    });
}
