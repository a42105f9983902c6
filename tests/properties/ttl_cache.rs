//! A `TtlCache` that is never full is a map of what was inserted and has not expired.

use std::collections::BTreeMap;
use std::time::Duration;

use cache_runtime::{ManualClock, TtlCache};
use proptest::prelude::*;

use crate::at_once;
use crate::plan::{Call, Key, Plan, Value, plan};

/// An entry. With jitter, it expires at some time from `earliest` to `latest`.
#[derive(Debug, Clone)]
struct Entry {
    value: Value,
    earliest: u64,
    latest: u64,
}

struct Model {
    plan: Plan,
    now: u64,
    entries: BTreeMap<Key, Entry>,
}

/// What the model expects of an entry.
#[derive(Debug, PartialEq)]
enum Expected {
    Present(Value),
    Absent,
    Either(Value),
}

impl Model {
    fn entry(&self, value: Value) -> Entry {
        let mut ttl = self.plan.ttl;
        if let (None, Some(negative)) = (value, self.plan.negative) {
            ttl = ttl.min(negative);
        }
        if let (Some(value), true) = (value, self.plan.by_value) {
            ttl = ttl.min(value);
        }
        Entry {
            value,
            earliest: self.now + ttl - (ttl * u64::from(self.plan.jitter)).div_ceil(100),
            latest: self.now + ttl,
        }
    }

    fn insert(&mut self, key: Key, value: Value) {
        let entry = self.entry(value);
        self.entries.insert(key, entry);
    }

    /// What a read may find that accepts entries that have expired less than `age` ago.
    fn get(&self, key: &str, age: u64) -> Expected {
        match self.entries.get(key) {
            Some(entry) if self.now < entry.earliest + age => Expected::Present(entry.value),
            Some(entry) if self.now < entry.latest + age => Expected::Either(entry.value),
            _ => Expected::Absent,
        }
    }

    /// The least and the greatest possible number of entries that have not expired.
    fn live(&self, counts: impl Fn(&str, Value) -> bool) -> (usize, usize) {
        self.entries
            .iter()
            .fold((0, 0), |(least, most), (key, entry)| {
                let counts = counts(key, entry.value);
                let lives = |until: u64| usize::from(counts && self.now < until);
                (least + lives(entry.earliest), most + lives(entry.latest))
            })
    }

    /// If the model allows both results, records the one that was seen, so that later ones must
    /// agree.
    fn settle(&mut self, key: &str, found: bool) {
        let now = self.now;
        if let Some(entry) = self.entries.get_mut(key)
            && (entry.earliest..entry.latest).contains(&now)
        {
            if found {
                entry.earliest = now + 1;
            } else {
                entry.latest = now;
                entry.earliest = entry.earliest.min(now);
            }
        }
    }
}

struct Run {
    cache: TtlCache<Key, Value>,
    clock: ManualClock,
    model: Model,
}

impl Run {
    fn new(plan: &Plan) -> Self {
        let clock = ManualClock::new();
        // No clock reads zero, before which nothing can have expired.
        clock.advance(Duration::from_secs(1));
        let millis = Duration::from_millis;
        let mut builder = TtlCache::<Key, Value>::builder("model", millis(plan.ttl))
            .max_entries(500)
            .ttl_jitter(f64::from(plan.jitter) / 100.0)
            .stale_on_error(millis(plan.stale_on_error))
            .clock(&clock);
        if plan.by_value {
            builder = builder.ttl_by(|value| value.map_or(Duration::MAX, Duration::from_millis));
        }
        if let Some(negative) = plan.negative {
            builder = builder.negative_ttl(millis(negative));
        }
        Self {
            cache: builder.build().expect("usable settings"),
            clock,
            model: Model {
                plan: plan.clone(),
                now: 0,
                entries: BTreeMap::new(),
            },
        }
    }

    /// Checks a result against the model; returns whether the entry was found.
    fn agree(&mut self, key: &str, found: Option<Value>) -> bool {
        match (self.model.get(key, 0), found) {
            (Expected::Present(expected) | Expected::Either(expected), Some(value)) => {
                assert_eq!(value, expected);
            }
            (Expected::Absent | Expected::Either(_), None) => {}
            (expected, found) => panic!("{key}: expected {expected:?}, found {found:?}"),
        }
        self.model.settle(key, found.is_some());
        found.is_some()
    }

    /// After an insertion. A value whose TTL is zero is not stored, and the old value goes. One whose
    /// TTL jitter has reduced to zero is stored, and has expired.
    fn inserted(&mut self, key: Key, value: Value) {
        if self.model.now < self.model.entry(value).latest {
            self.model.insert(key, value);
        } else {
            self.model.entries.remove(&key);
        }
    }

    fn load(&mut self, key: Key, value: Value) {
        let mut loaded = false;
        let read = self.cache.get_or_load(&key, async || {
            loaded = true;
            value
        });
        let read = at_once(read);
        if self.agree(&key, (!loaded).then_some(read)) {
            return;
        }
        assert_eq!(read, value);
        let entry = self.model.entry(value);
        // Jitter may reduce the TTL to zero. Then the value is not stored, and the expired entry
        // stays.
        if self.model.now < entry.earliest || self.cache.contains(&key) {
            self.model.insert(key, value);
        }
    }

    fn load_fails(&mut self, key: &str) {
        let mut loaded = false;
        let read = self.cache.try_get_or_load(key, async || {
            loaded = true;
            Err::<Value, _>("as the test wants it")
        });
        let read = at_once(read).map_err(|error| *error);
        if self.agree(key, (!loaded).then(|| read.expect("it was not loaded"))) {
            return;
        }
        let age = self.model.plan.stale_on_error;
        match (self.model.get(key, age), read) {
            _ if age == 0 => assert!(read.is_err()),
            (Expected::Present(expected) | Expected::Either(expected), Ok(value)) => {
                assert_eq!(value, expected);
            }
            (Expected::Absent | Expected::Either(_), Err(_)) => {}
            (expected, read) => panic!("{key}: expected {expected:?}, got {read:?}"),
        }
    }

    fn load_overtaken(&mut self, key: Key, value: Value, other: Option<Value>) {
        let mut loaded = false;
        let cache = &self.cache;
        let read = cache.get_or_load(&key, async || {
            loaded = true;
            match other {
                Some(other) => cache.insert(key.clone(), other),
                None => drop(cache.remove(&key)),
            }
            value
        });
        let read = at_once(read);
        if self.agree(&key, (!loaded).then_some(read)) {
            return;
        }
        assert_eq!(read, value, "a caller that loads gets what it loaded");
        match other {
            Some(other) => self.inserted(key, other),
            None => drop(self.model.entries.remove(&key)),
        }
    }

    /// Removes what `goes` selects with `remove`, which returns how many there were, including
    /// those that have expired and were not swept yet.
    fn remove_where(
        &mut self,
        goes: impl Fn(&str, Value) -> bool,
        remove: impl FnOnce(&TtlCache<Key, Value>) -> usize,
    ) {
        let (least, _) = self.model.live(&goes);
        let entries = &mut self.model.entries;
        let most = entries
            .iter()
            .filter(|(key, entry)| goes(key, entry.value))
            .count();
        let removed = remove(&self.cache);
        assert!(
            (least..=most).contains(&removed),
            "{removed} of {least} to {most}"
        );
        entries.retain(|key, entry| !goes(key, entry.value));
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Insert(key, value) => {
                self.cache.insert(key.clone(), value);
                self.inserted(key, value);
            }
            Call::Load(key, value) => self.load(key, value),
            Call::LoadFails(key) => self.load_fails(&key),
            Call::LoadOvertaken(key, value, other) => self.load_overtaken(key, value, other),
            Call::Get(key) => {
                let found = self.cache.get(&key);
                self.agree(&key, found);
            }
            Call::Contains(key) => {
                let found = self.cache.contains(&key);
                assert_eq!(found, self.cache.get(&key).is_some());
            }
            Call::Remove(key) => {
                let removed = self.cache.remove(&key);
                self.agree(&key, removed);
                self.model.entries.remove(&key);
            }
            Call::RemovePrefix(prefix) => {
                let goes = |key: &str, _| key.starts_with(&prefix);
                self.remove_where(goes, |cache| cache.remove_prefix(&prefix));
            }
            Call::RetainEven => {
                let even = |value: Value| value.unwrap_or(0).is_multiple_of(2);
                let keep = |_: &Key, value: &Value| even(*value);
                self.remove_where(|_, value| !even(value), |cache| cache.retain(keep));
            }
            Call::Clear => {
                self.cache.clear();
                self.model.entries.clear();
                assert!(self.cache.is_empty());
            }
            Call::Advance(millis) => {
                self.clock.advance(Duration::from_millis(millis));
                self.model.now += millis;
            }
        }
    }

    fn check(&mut self) {
        let (least, _) = self.model.live(|_, _| true);
        let len = self.cache.len();
        let most = self.model.entries.len();
        assert!((least..=most).contains(&len), "{len} of {least} to {most}");
        assert_eq!(self.cache.stats().loading, 0);
        let keys = self.cache.keys();
        for key in self.model.entries.keys().cloned().collect::<Vec<_>>() {
            let found = self.cache.get(&key);
            assert_eq!(keys.contains(&key), found.is_some(), "{key}");
            self.agree(&key, found);
        }
        let unknown = keys
            .iter()
            .find(|key| !self.model.entries.contains_key(*key));
        assert_eq!(unknown, None);
    }
}

fn run(plan: Plan) {
    let mut run = Run::new(&plan);
    for call in plan.calls {
        run.call(call);
        run.check();
    }
}

proptest! {
    #[test]
    fn is_a_map_whose_entries_expire(plan in plan()) {
        run(plan);
    }
}

/// Not even as what a failed load may return.
#[test]
fn a_value_with_a_ttl_of_zero_is_not_stored() {
    let key = || "2:0".to_owned();
    for insert in [
        Call::LoadOvertaken(key(), None, Some(Some(0))),
        Call::Insert(key(), Some(0)),
    ] {
        run(Plan {
            ttl: 1,
            negative: None,
            by_value: true,
            jitter: 0,
            stale_on_error: 1,
            calls: vec![Call::Insert(key(), Some(1)), insert, Call::LoadFails(key())],
        });
    }
}
