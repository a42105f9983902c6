//! Cooldowns: with a manual clock, against a model, and from many threads.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::Duration;

use cache_runtime::cooldown::Start;
use cache_runtime::{Cooldown, ManualClock, defaults};
use proptest::prelude::*;

const PERIOD: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn cooldown(max_entries: usize) -> (Cooldown<u64>, ManualClock) {
    let clock = ManualClock::new();
    let builder = Cooldown::builder("cooldown", PERIOD).max_entries(max_entries);
    (builder.clock(&clock).build().unwrap(), clock)
}

#[test]
fn it_goes_on_for_its_period() {
    let (cooldown, clock) = cooldown(10);
    assert_eq!(cooldown.remaining(&1), None);
    assert_eq!(cooldown.try_start(&1), Start::Started);
    assert_eq!(cooldown.try_start(&1), Start::Remaining(PERIOD));
    clock.advance(PERIOD.saturating_sub(Duration::from_nanos(1)));
    let left = Duration::from_nanos(1);
    assert_eq!(cooldown.try_start(&1), Start::Remaining(left));
    assert_eq!(cooldown.remaining(&1), Some(left));
    // `remaining` and a refused `try_start` do not prolong it.
    clock.advance(left);
    assert_eq!(cooldown.remaining(&1), None);
    assert!(cooldown.try_start(&1).is_started());
    assert!(!cooldown.try_start(&1).is_started());
}

#[test]
fn it_counts() {
    let (cooldown, clock) = cooldown(2);
    for key in [1, 1, 2, 3] {
        // The third key takes the place of the first, which goes on.
        let _ = cooldown.try_start(&key);
    }
    clock.advance(PERIOD);
    let _ = cooldown.try_start(&2);
    let stats = cooldown.stats();
    assert_eq!((stats.started, stats.refused, stats.forgotten), (4, 1, 1));
}

#[test]
fn keys_have_their_own() {
    let (cooldown, clock) = cooldown(10);
    let _ = cooldown.try_start(&1);
    clock.advance(SECOND);
    assert_eq!(cooldown.try_start(&2), Start::Started);
    assert_eq!(cooldown.remaining(&1), Some(SECOND * 59));
    assert_eq!(cooldown.remaining(&2), Some(PERIOD));
    assert_eq!(cooldown.len(), 2);
}

#[test]
fn borrowed_keys_do() {
    let cooldown = Cooldown::<String>::builder("cooldown", PERIOD)
        .build()
        .unwrap();
    assert!(cooldown.try_start("ada").is_started());
    assert!(!cooldown.try_start("ada").is_started());
    assert!(cooldown.remaining("ada").is_some());
    assert!(cooldown.reset("ada"));
}

#[test]
fn a_reset_ends_it() {
    let (cooldown, clock) = cooldown(10);
    let _ = cooldown.try_start(&1);
    assert!(cooldown.reset(&1));
    assert!(!cooldown.reset(&1));
    assert_eq!(cooldown.remaining(&1), None);
    assert!(cooldown.try_start(&1).is_started());
    clock.advance(PERIOD);
    // It has ended, so there is nothing to reset.
    assert!(!cooldown.reset(&1));
    assert!(cooldown.is_empty());
}

#[test]
fn when_full_it_forgets_the_first() {
    let (cooldown, clock) = cooldown(3);
    for key in 0..3 {
        let _ = cooldown.try_start(&key);
        clock.advance(SECOND);
    }
    // Restart 0, so that 1 is the oldest.
    assert!(cooldown.reset(&0));
    let _ = cooldown.try_start(&0);
    assert_eq!(cooldown.try_start(&3), Start::Started);
    assert_eq!(cooldown.len(), 3);
    assert_eq!(cooldown.remaining(&1), None);
    for key in [0, 2, 3] {
        assert!(cooldown.remaining(&key).is_some(), "{key}");
    }
}

#[test]
fn what_is_over_makes_room_first() {
    let (cooldown, clock) = cooldown(3);
    let _ = cooldown.try_start(&0);
    clock.advance(SECOND);
    let _ = (cooldown.try_start(&1), cooldown.try_start(&2));
    clock.advance(SECOND * 59);
    // 0 is over, so no other key is removed.
    assert_eq!(cooldown.try_start(&3), Start::Started);
    assert_eq!(cooldown.remaining(&1), Some(SECOND));
    assert_eq!(cooldown.remaining(&2), Some(SECOND));
}

/// Such as a provider that answers with `Retry-After`.
#[test]
fn it_goes_on_for_a_time_that_is_named() {
    let (cooldown, clock) = cooldown(3);
    cooldown.start_for(&1, SECOND * 90);
    assert_eq!(cooldown.try_start(&1), Start::Remaining(SECOND * 90));
    // What is named counts, also if it is sooner.
    cooldown.start_for(&1, SECOND * 5);
    assert_eq!(cooldown.remaining(&1), Some(SECOND * 5));
    clock.advance(SECOND * 5);
    assert_eq!(cooldown.try_start(&1), Start::Started);
    assert_eq!(cooldown.remaining(&1), Some(PERIOD));
    cooldown.start_for(&1, Duration::MAX);
    assert!(cooldown.remaining(&1) > Some(PERIOD * 1000));
    cooldown.start_for(&1, Duration::ZERO);
    assert_eq!(cooldown.try_start(&1), Start::Started);
    assert_eq!(cooldown.len(), 1);
}

#[test]
fn it_cleans_itself_in_small_steps() {
    let (cooldown, clock) = cooldown(1000);
    for key in 0..100 {
        let _ = cooldown.try_start(&key);
    }
    clock.advance(PERIOD);
    assert_eq!(cooldown.len(), 100);
    let _ = cooldown.remaining(&1000);
    assert_eq!(cooldown.len(), 98);
    let _ = cooldown.reset(&1000);
    assert_eq!(cooldown.len(), 96);
    for i in 1..=48 {
        let _ = cooldown.try_start(&1000);
        assert_eq!(cooldown.len(), 96 - 2 * i + 1);
    }
}

/// A key that is counted, and that uses the cooldown when it is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Counted(u64, Arc<()>);

static COUNTED: OnceLock<Cooldown<Counted>> = OnceLock::new();

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(cooldown) = COUNTED.get() {
            assert!(cooldown.len() <= 3);
        }
    }
}

#[test]
fn keys_are_dropped_with_their_cooldowns_and_may_use_it() {
    let clock = ManualClock::new();
    let builder = Cooldown::builder("cooldown", PERIOD)
        .max_entries(3)
        .clock(&clock);
    let cooldown = COUNTED.get_or_init(|| builder.build().unwrap());
    let count = Arc::new(());
    let key = |key| Counted(key, Arc::clone(&count));
    let kept = || Arc::strong_count(&count) - 1;

    for i in 0..3 {
        let _ = cooldown.try_start(&key(i));
    }
    assert_eq!(kept(), 3);
    let _ = cooldown.try_start(&key(2));
    assert_eq!(kept(), 3);
    let _ = cooldown.try_start(&key(3)); // in place of 0
    assert_eq!(kept(), 3);
    assert!(cooldown.reset(&key(3)));
    assert_eq!(kept(), 2);
    clock.advance(PERIOD);
    let _ = cooldown.remaining(&key(9)); // sweeps 1 and 2
    assert_eq!(kept(), 0);
}

/// A key whose comparison panics if it holds `true`.
#[derive(Debug, Clone)]
struct Moody(bool);

impl PartialEq for Moody {
    fn eq(&self, other: &Self) -> bool {
        assert!(!self.0 && !other.0, "not now");
        true
    }
}
impl Eq for Moody {}
impl Hash for Moody {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

#[test]
fn it_survives_a_key_that_panics() {
    let cooldown = Cooldown::builder("cooldown", PERIOD).build().unwrap();
    assert!(cooldown.try_start(&Moody(false)).is_started());
    let panicked = catch_unwind(AssertUnwindSafe(|| cooldown.try_start(&Moody(true))));
    assert!(panicked.is_err());
    assert!(!cooldown.try_start(&Moody(false)).is_started());
    assert_eq!(cooldown.len(), 1);
}

#[test]
fn of_callers_at_the_same_time_one_starts() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 500;
    let (cooldown, clock) = cooldown(64);
    let started: Vec<_> = (0..ROUNDS).map(|_| AtomicUsize::new(0)).collect();
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cooldown, clock) = (&cooldown, &clock);
            let (started, barrier) = (&started, &barrier);
            scope.spawn(move || {
                for (round, started) in (0..).zip(started) {
                    barrier.wait();
                    // The same 7 keys, which start again once they are over.
                    if cooldown.try_start(&(round % 7)).is_started() {
                        started.fetch_add(1, Ordering::Relaxed);
                    }
                    // Keys of this thread only, started and reset meanwhile.
                    let other = 1000 + round * 8 + thread as u64;
                    let _ = cooldown.try_start(&other);
                    assert!(cooldown.len() <= 64);
                    cooldown.reset(&other);
                    if barrier.wait().is_leader() && round % 7 == 6 {
                        clock.advance(PERIOD);
                    }
                }
            });
        }
    });
    let started: Vec<_> = started.into_iter().map(AtomicUsize::into_inner).collect();
    assert_eq!(started, [1; ROUNDS]);
}

#[test]
fn unusable_settings_are_named() {
    let error =
        |builder: cache_runtime::cooldown::Builder<u64>| builder.build().unwrap_err().to_string();
    let of = |period| Cooldown::builder("limit", period);
    assert_eq!(
        error(of(Duration::ZERO)),
        "cache `limit` cannot be built: period of 0ns: expected at least 1 ms and at most a year"
    );
    assert_eq!(
        error(of(Duration::MAX)),
        "cache `limit` cannot be built: period of 18446744073709551615.999999999s: expected at \
         least 1 ms and at most a year"
    );
    assert_eq!(
        error(of(PERIOD).max_entries(0)),
        "cache `limit` cannot be built: max_entries of 0: expected 1 to 2147483648"
    );
    assert_eq!(
        error(Cooldown::builder("a\n", PERIOD)),
        "cache `a\n` cannot be built: name \"a\\n\": expected at least one character, and none \
         that is invisible"
    );
}

#[test]
fn it_says_what_it_is() {
    let named = Cooldown::<u64>::builder("limit", PERIOD).build();
    let named = named.unwrap();
    assert_eq!((named.name(), named.period()), ("limit", PERIOD));
    let same = named.clone();
    let _ = named.try_start(&1);
    assert_eq!(same.len(), 1);
    assert_eq!(
        format!("{same:?}"),
        r#"Cooldown { name: "limit", period: 60s, entries: 1, .. }"#
    );
    assert_eq!(defaults::MAX_ENTRIES, 10_000);
}

#[derive(Debug, Clone)]
enum Step {
    TryStart(u64),
    StartFor(u64, u64),
    Remaining(u64),
    Reset(u64),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..12_u64;
    prop_oneof![
        4 => key.clone().prop_map(Step::TryStart),
        2 => (key.clone(), 0..200_u64).prop_map(|(key, seconds)| Step::StartFor(key, seconds)),
        1 => key.clone().prop_map(Step::Remaining),
        1 => key.prop_map(Step::Reset),
        2 => (0..30_u64).prop_map(Step::Advance),
    ]
}

/// The model of a cooldown: keys with their ends.
struct Model {
    /// In the order in which they were started.
    usual: Vec<(u64, Duration)>,
    /// Started for a time of their own, in the order of their ends.
    named: Vec<(u64, Duration)>,
    max: usize,
}

impl Model {
    fn all(&self) -> impl Iterator<Item = &(u64, Duration)> {
        self.usual.iter().chain(&self.named)
    }

    fn retain(&mut self, keeps: impl Fn(u64, Duration) -> bool) {
        self.usual.retain(|(key, end)| keeps(*key, *end));
        self.named.retain(|(key, end)| keeps(*key, *end));
    }

    fn left(&self, key: u64, now: Duration) -> Option<Duration> {
        let found = self.all().find(|(other, _)| *other == key);
        found.map(|(_, end)| end.saturating_sub(now))
    }

    fn make_room(&mut self) {
        if self.all().count() == self.max {
            let first = if self.usual.is_empty() {
                &mut self.named
            } else {
                &mut self.usual
            };
            first.remove(0);
        }
    }

    fn try_start(&mut self, key: u64, now: Duration) -> Start {
        if let Some(left) = self.left(key, now) {
            return Start::Remaining(left);
        }
        self.make_room();
        self.usual.push((key, now + PERIOD));
        Start::Started
    }

    fn start_for(&mut self, key: u64, end: Duration) {
        if !self.reset(key) {
            self.make_room();
        }
        let later = self.named.partition_point(|(_, other)| *other <= end);
        self.named.insert(later, (key, end));
    }

    fn reset(&mut self, key: u64) -> bool {
        let before = self.all().count();
        self.retain(|other, _| other != key);
        self.all().count() < before
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_the_model_does(
        max in 1..10_usize,
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let (cooldown, clock) = cooldown(max);
        let mut model = Model { usual: Vec::new(), named: Vec::new(), max };
        for step in steps {
            let now = clock.elapsed();
            model.retain(|_, end| end > now);
            match step {
                Step::TryStart(key) => {
                    prop_assert_eq!(cooldown.try_start(&key), model.try_start(key, now));
                }
                Step::StartFor(key, seconds) => {
                    let time = SECOND * u32::try_from(seconds).unwrap();
                    cooldown.start_for(&key, time);
                    if seconds == 0 {
                        model.reset(key);
                    } else {
                        model.start_for(key, now + time);
                    }
                }
                Step::Remaining(key) => {
                    prop_assert_eq!(cooldown.remaining(&key), model.left(key, now));
                }
                Step::Reset(key) => prop_assert_eq!(cooldown.reset(&key), model.reset(key)),
                Step::Advance(seconds) => clock.advance(SECOND * u32::try_from(seconds).unwrap()),
            }
            let len = cooldown.len();
            prop_assert!(len >= model.all().count() && len <= max, "{} entries", len);
        }
        let live: BTreeSet<_> = (0..12).filter(|key| cooldown.remaining(key).is_some()).collect();
        let now = clock.elapsed();
        model.retain(|_, end| end > now);
        prop_assert_eq!(live, model.all().map(|(key, _)| *key).collect());
    }
}
