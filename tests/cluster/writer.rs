//! Changes numbers, and publishes the changes.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_runtime::service::PublishError;
use tokio::time::sleep;

use crate::caches::{Items, bus, redis};
use crate::clock::{Nanos, now};
use crate::rng::Rng;
use crate::source::{GROUPS, KEYS, Source, group, keys, prefix};

/// Of this many changes, one concerns everything, and `GROUP_CHANGES` concern a group. Most keys
/// stay unchanged for longer than a cache may be stale, so that stale values are found.
const CHANGES: u64 = 150;
const GROUP_CHANGES: u64 = 6;

/// The shortest and longest time between changes of different keys.
const PAUSE: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(5));

/// The shortest and longest time between two changes of the same keys: about as long as a load
/// takes.
const AGAIN: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(3));

/// A publish that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// The number of the key that was published.
    pub(crate) number: u64,
    /// When it was acknowledged.
    pub(crate) at: Nanos,
}

/// The changes of a writer.
#[derive(Debug)]
pub(crate) struct Written {
    /// In order, for each key.
    pub(crate) acknowledged: Vec<Vec<Acknowledged>>,
    /// The number of acknowledged publishes of one key, of a group, and of everything.
    pub(crate) publishes: [usize; 3],
    pub(crate) failures: usize,
}

#[derive(Debug, Clone, Copy)]
enum Scope {
    Key(usize),
    Group(usize),
    Everything,
}

impl Scope {
    fn random(rng: &mut Rng) -> Self {
        let key = usize::try_from(rng.below(KEYS as u64)).expect("there are few");
        match rng.below(CHANGES) {
            0 => Self::Everything,
            1..=GROUP_CHANGES => Self::Group(key % GROUPS),
            _ => Self::Key(key),
        }
    }

    fn keys(self) -> Range<usize> {
        match self {
            Self::Key(key) => key..key + 1,
            Self::Group(number) => group(number),
            Self::Everything => 0..KEYS,
        }
    }

    async fn publish(self, items: &Items, keys: &[String]) -> Result<(), PublishError> {
        let published = match self {
            Self::Key(key) => items.invalidate_item(&keys[key]).await,
            Self::Group(number) => items.invalidate_group(prefix(number)).await,
            Self::Everything => items.invalidate_all().await,
        };
        published.map(drop)
    }
}

/// Changes and publishes until told to stop.
pub(crate) async fn write(url: String, source: Source, seed: u64, stop: &AtomicBool) -> Written {
    let bus = bus(&url).connect().await.expect("the server is running");
    let items = Items::new(&bus);
    // With this cache, publishing deletes in Redis first.
    let _cache = redis(&bus, &items);
    let (mut rng, keys) = (Rng::new(seed), keys());
    let mut numbers = vec![0; KEYS];
    let mut written = Written {
        acknowledged: vec![Vec::new(); KEYS],
        publishes: [0; 3],
        failures: 0,
    };
    while !stop.load(Ordering::Relaxed) {
        let scope = Scope::random(&mut rng);
        // Sometimes twice, so that the second event overtakes loads that follow the first.
        for _ in 0..=u32::from(rng.one_in(2)) {
            let numbers = &mut numbers[scope.keys()];
            for number in &mut *numbers {
                *number += 1;
            }
            source.write(scope.keys().start, numbers);
            if scope.publish(&items, &keys).await.is_ok() {
                let at = now();
                for (key, &number) in scope.keys().zip(&*numbers) {
                    written.acknowledged[key].push(Acknowledged { number, at });
                }
                written.publishes[match scope {
                    Scope::Key(_) => 0,
                    Scope::Group(_) => 1,
                    Scope::Everything => 2,
                }] += 1;
            } else {
                written.failures += 1;
            }
            sleep(rng.between(AGAIN.0, AGAIN.1)).await;
        }
        sleep(rng.between(PAUSE.0, PAUSE.1)).await;
    }
    written
}
