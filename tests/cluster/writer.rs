//! Changes numbers, and publishes the changes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cache_runtime::bus::BusBuilder;
use cache_runtime::service::{ConfirmError, PublishError, Publishing};
use support::within;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::caches::{Items, redis};
use crate::clock::{Nanos, now};
use crate::rng::Rng;
use crate::source::{GROUPS, KEYS, Source, group, keys, prefix};

/// Of this many changes, one concerns everything, and `GROUP_CHANGES` concern a group. Most keys
/// stay unchanged for longer than a cache may be stale, so that stale values are found.
const CHANGES: u64 = 150;
const GROUP_CHANGES: u64 = 6;

/// Of this many publications, one is confirmed, while no more than `CONFIRMING` of them go on.
const CONFIRMED: u64 = 4;
const CONFIRMING: usize = 8;

/// The shortest and longest time between changes of different keys.
const PAUSE: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(5));

/// The shortest and longest time between two changes of the same keys: about as long as a load
/// takes.
const AGAIN: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(3));

/// A publish that was acknowledged, or confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// The number of the key that was published.
    pub(crate) number: u64,
    /// When it was acknowledged.
    pub(crate) at: Nanos,
}

/// What was published of each key, in order.
pub(crate) type Publishes = Vec<Vec<Acknowledged>>;

/// The changes of a writer.
#[derive(Debug)]
pub(crate) struct Written {
    /// What the server has taken, at once or from the outbox.
    pub(crate) acknowledged: Publishes,
    /// Of these, what no instance could serve the old value of any more.
    pub(crate) confirmed: Publishes,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// The number of acknowledged publishes of one key, of a group, and of everything.
    pub(crate) publishes: [usize; 3],
    pub(crate) confirmed: usize,
    pub(crate) failures: usize,
    /// Those of the failures that were sent later.
    pub(crate) deferred: usize,
}

/// What a writer and those who wait for it tell each other.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) stop: AtomicBool,
    /// The number of confirmed publishes so far.
    pub(crate) confirmed: AtomicUsize,
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

    fn publish<'a>(self, items: &'a Items, keys: &[String]) -> Publishing<'a> {
        match self {
            Self::Key(key) => items.invalidate_item(&keys[key]),
            Self::Group(number) => items.invalidate_group(prefix(number)),
            Self::Everything => items.invalidate_all(),
        }
    }
}

/// A change, and the new numbers of its keys.
#[derive(Debug)]
struct Change {
    scope: Scope,
    numbers: Vec<u64>,
}

impl Change {
    fn enter(&self, publishes: &mut Publishes, at: Nanos) {
        for (key, &number) in self.scope.keys().zip(&self.numbers) {
            publishes[key].push(Acknowledged { number, at });
        }
    }
}

/// Changes and publishes until told to stop, and then until everything that was deferred is sent.
pub(crate) async fn write(
    builder: BusBuilder,
    source: Source,
    seed: u64,
    progress: &Progress,
) -> Written {
    let bus = builder.connect().await.expect("the server is running");
    let items = Items::new(&bus);
    // With this cache, publishing deletes in Redis first.
    let _cache = redis(&bus, &items);
    let mut ledger = Ledger::new(&items);
    let (mut rng, keys) = (Rng::new(seed), keys());
    let mut numbers = vec![0; KEYS];
    let mut confirming = JoinSet::new();
    while !progress.stop.load(Ordering::Relaxed) {
        let scope = Scope::random(&mut rng);
        // Sometimes twice, so that the second event overtakes loads that follow the first.
        for _ in 0..=u32::from(rng.one_in(2)) {
            let numbers = &mut numbers[scope.keys()];
            for number in &mut *numbers {
                *number += 1;
            }
            source.write(scope.keys().start, numbers);
            let numbers = numbers.to_vec();
            let change = Change { scope, numbers };
            if rng.one_in(CONFIRMED) && confirming.len() < CONFIRMING {
                confirming.spawn(confirm(change, items.clone(), keys.clone()));
            } else {
                let published = scope.publish(&items, &keys).await;
                ledger.published(change, published.map(drop), now());
            }
            while let Some(confirmed) = confirming.try_join_next() {
                ledger.confirmed(confirmed.expect("it does not panic"));
            }
            ledger.look_into_the_outbox();
            let confirmed = ledger.written.counts.confirmed;
            progress.confirmed.store(confirmed, Ordering::Relaxed);
            sleep(rng.between(AGAIN.0, AGAIN.1)).await;
        }
        sleep(rng.between(PAUSE.0, PAUSE.1)).await;
    }
    while let Some(confirmed) = confirming.join_next().await {
        ledger.confirmed(confirmed.expect("it does not panic"));
    }
    let empty = async {
        while items.stats().in_outbox() > 0 {
            sleep(PAUSE.1).await;
        }
    };
    within("the outbox to be empty", empty).await;
    ledger.look_into_the_outbox();
    ledger.close()
}

type Confirmation = (Change, Result<(), ConfirmError>, Nanos);

async fn confirm(change: Change, items: Items, keys: Vec<String>) -> Confirmation {
    let confirmed = change.scope.publish(&items, &keys).confirmed().await;
    (change, confirmed.map(drop), now())
}

/// What becomes of the changes.
#[derive(Debug)]
struct Ledger<'a> {
    items: &'a Items,
    written: Written,
    /// The newest number of each key that is in the outbox.
    deferred: BTreeMap<usize, u64>,
}

impl<'a> Ledger<'a> {
    fn new(items: &'a Items) -> Self {
        Self {
            items,
            written: Written {
                acknowledged: vec![Vec::new(); KEYS],
                confirmed: vec![Vec::new(); KEYS],
                counts: Counts::default(),
            },
            deferred: BTreeMap::new(),
        }
    }

    fn published(&mut self, change: Change, published: Result<(), PublishError>, at: Nanos) {
        let Written {
            acknowledged,
            counts,
            ..
        } = &mut self.written;
        match published {
            Ok(()) => {
                change.enter(acknowledged, at);
                counts.publishes[match change.scope {
                    Scope::Key(_) => 0,
                    Scope::Group(_) => 1,
                    Scope::Everything => 2,
                }] += 1;
            }
            Err(error) => {
                counts.failures += 1;
                if error.is_deferred() {
                    counts.deferred += 1;
                    let numbers = change.scope.keys().zip(change.numbers);
                    for (key, number) in numbers {
                        let newest = self.deferred.entry(key).or_default();
                        *newest = number.max(*newest);
                    }
                }
            }
        }
    }

    fn confirmed(&mut self, (change, confirmed, at): Confirmation) {
        match confirmed {
            Ok(()) => {
                change.enter(&mut self.written.confirmed, at);
                self.written.counts.confirmed += 1;
                self.published(change, Ok(()), at);
            }
            Err(ConfirmError::Publish(error)) => self.published(change, Err(error), at),
            // When it was published is not known.
            Err(_) => self.written.counts.failures += 1,
        }
    }

    /// When the outbox is empty, the server has taken everything that was in it.
    fn look_into_the_outbox(&mut self) {
        if self.deferred.is_empty() || self.items.stats().in_outbox() > 0 {
            return;
        }
        let at = now();
        for (key, number) in std::mem::take(&mut self.deferred) {
            self.written.acknowledged[key].push(Acknowledged { number, at });
        }
    }

    fn close(self) -> Written {
        let mut written = self.written;
        let both = [&mut written.acknowledged, &mut written.confirmed];
        for publishes in both.into_iter().flatten() {
            in_order(publishes);
        }
        written
    }
}

/// Several confirmations go on at a time, so a lower number may be acknowledged later. By then, nobody
/// may read it any more.
fn in_order(publishes: &mut [Acknowledged]) {
    publishes.sort_unstable_by_key(|publish| publish.number);
    let mut earliest = Nanos::MAX;
    for publish in publishes.iter_mut().rev() {
        earliest = earliest.min(publish.at);
        publish.at = earliest;
    }
}

#[test]
fn a_lower_number_is_acknowledged_with_a_higher_one() {
    let publish = |(number, at)| Acknowledged { number, at };
    let mut publishes = [(3, 30), (1, 10), (2, 40)].map(publish);
    in_order(&mut publishes);
    assert_eq!(publishes, [(1, 10), (2, 30), (3, 30)].map(publish));
}
