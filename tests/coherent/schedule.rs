//! Loads on schedule: entries that nobody has to wait for.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::audit::Row;
use cache_runtime::testing::{Network, settled};
use cache_runtime::{Bus, CoherentCache, Evict, ManualClock, audit};
use support::{eventually, within};
use tokio::sync::Semaphore;

use crate::{Cache, CacheBuilder, HOUR, UserEvent, Users, builder, evict, poll_once};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// What the loads do that begin from now on.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Load,
    /// It waits until it is let go on.
    Wait,
    Fail,
    Refuse,
    Panic,
}

/// Where values come from. The value of a load is its number.
#[derive(Clone)]
pub(crate) struct Source(Arc<State>);

struct State {
    begun: AtomicU64,
    then: std::sync::Mutex<Then>,
    go_on: Semaphore,
}

impl Source {
    pub(crate) fn new(then: Then) -> Self {
        Self(Arc::new(State {
            begun: AtomicU64::new(0),
            then: std::sync::Mutex::new(then),
            go_on: Semaphore::new(0),
        }))
    }

    pub(crate) fn then(&self, then: Then) {
        *self.0.then.lock().unwrap() = then;
    }

    async fn load(self) -> Result<u64, &'static str> {
        let then = *self.0.then.lock().unwrap();
        let load = self.0.begun.fetch_add(1, Ordering::SeqCst) + 1;
        match then {
            Then::Load => Ok(load),
            Then::Wait => {
                self.0.go_on.acquire().await.unwrap().forget();
                Ok(load)
            }
            Then::Fail => Err("the database is away"),
            Then::Refuse => Err("there is no such user"),
            Then::Panic => panic!("as the test wants it"),
        }
    }

    pub(crate) fn loads(&self) -> u64 {
        self.0.begun.load(Ordering::SeqCst)
    }

    pub(crate) async fn has_begun(&self, number: u64) {
        let loads = async || self.loads();
        eventually("the load to begin", loads, |loads| *loads == number).await;
    }

    /// Lets one load go on.
    fn go_on(&self) {
        self.0.go_on.add_permits(1);
    }

    /// Loads `"1"` every minute.
    pub(crate) fn schedule(&self, builder: CacheBuilder) -> CacheBuilder {
        let source = self.clone();
        builder.refresh_every(MINUTE, ["1"], move |_| source.clone().load())
    }
}

/// A cache on a live bus that loads `"1"` every minute.
pub(crate) async fn scheduled(source: &Source) -> (Bus, Users, Cache, ManualClock) {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let cache = source.schedule(builder(&users).clock(&clock));
    let cache = cache.build().unwrap();
    bus.ready().await.unwrap();
    (bus, users, cache, clock)
}

/// Lets the tasks run that are ready: those of this runtime run in the order in which they were woken.
async fn turn_of_tasks() {
    tokio::spawn(async {}).await.unwrap();
}

pub(crate) async fn becomes(cache: &Cache, expected: u64) {
    let held = async || cache.get("1");
    eventually("the value", held, |held| *held == Some(expected)).await;
}

pub(crate) fn row(name: &str) -> Row {
    let audit = audit();
    let row = audit.rows().iter().find(|row| row.name == name);
    row.expect("the cache is listed").clone()
}

#[tokio::test]
async fn an_entry_that_nobody_reads_is_loaded_again_and_again() {
    let source = Source::new(Then::Load);
    let (_bus, _users, cache, clock) = scheduled(&source).await;
    for load in 1..4 {
        let stored = async || cache.stats().stored;
        eventually("the entry", stored, |stored| *stored == load).await;
        assert_eq!(source.loads(), load);
        assert_eq!(cache.entries(), [("1".to_owned(), load)]);
        clock.advance(MINUTE);
    }
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.shared_loads), (0, 0, 0));
}

#[tokio::test]
async fn each_key_of_each_schedule_has_its_own_time() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let (often, seldom) = (Source::new(Then::Load), Source::new(Then::Load));
    let slow = seldom.clone();
    let cache = often.schedule(builder(&users).clock(&clock)).refresh_every(
        2 * MINUTE,
        ["2", "3"],
        move |_| slow.clone().load(),
    );
    let cache = cache.build().unwrap();
    bus.ready().await.unwrap();
    let keys = async || cache.len();
    eventually("all entries", keys, |keys| *keys == 3).await;
    clock.advance(MINUTE);
    becomes(&cache, 2).await;
    assert_eq!((often.loads(), seldom.loads()), (2, 2));
    clock.advance(MINUTE);
    becomes(&cache, 3).await;
    seldom.has_begun(4).await;
}

#[tokio::test]
async fn the_old_value_is_read_while_it_is_loaded_again() {
    let source = Source::new(Then::Load);
    let (_bus, _users, cache, clock) = scheduled(&source).await;
    becomes(&cache, 1).await;
    source.then(Then::Wait);
    clock.advance(MINUTE);
    source.has_begun(2).await;
    let read = pin!(cache.get_or_load("1", async || panic!("it is there")));
    assert_eq!(poll_once(read), Some(1));
    source.go_on();
    becomes(&cache, 2).await;
    assert_eq!(cache.stats().evictions.replaced, 1);
}

#[tokio::test]
async fn who_finds_no_entry_waits_for_the_load_that_is_under_way() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let source = Source::new(Then::Wait);
    let cache = source.schedule(builder(&users).clock(&clock));
    let cache = cache.load_wait(2 * HOUR).build().unwrap();
    bus.ready().await.unwrap();
    source.has_begun(1).await;
    for load in 1..3 {
        let mut read = pin!(cache.get_or_load("1", async || panic!("it is being loaded")));
        assert_eq!(poll_once(read.as_mut()), None);
        source.go_on();
        assert_eq!(within("the read", read).await, load);
        clock.advance(MINUTE);
        source.has_begun(load + 1).await;
        // The old entry expires meanwhile.
        clock.advance(59 * MINUTE);
    }
    assert_eq!(cache.stats().shared_loads, 2);
}

#[tokio::test]
async fn a_reader_that_loads_when_it_is_due_loads_for_the_schedule_too() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let source = Source::new(Then::Load);
    let cache = CoherentCache::builder("read-when-due", HOUR).evict_on(&users, evict);
    let cache = source.schedule(cache.clock(&clock)).build().unwrap();
    bus.ready().await.unwrap();
    becomes(&cache, 1).await;
    users.invalidate_user("1").await.unwrap();
    settled(&bus).await.unwrap();
    let go_on = Semaphore::new(0);
    let load = async || {
        drop(go_on.acquire().await);
        7
    };
    let mut read = pin!(cache.get_or_load("1", load));
    assert_eq!(poll_once(read.as_mut()), None);
    clock.advance(SECOND);
    // The schedule has no other way to go on than to join the load.
    turn_of_tasks().await;
    go_on.close();
    assert_eq!(within("the read", read).await, 7);
    let last_success = async || row("read-when-due").reloads.unwrap().last_success;
    let just_now = |time: &Option<Duration>| *time == Some(Duration::ZERO);
    eventually("a success", last_success, just_now).await;
    assert_eq!((cache.get("1"), source.loads()), (Some(7), 1));
    assert_eq!(cache.stats().shared_loads, 0, "it is no reader");
}

#[tokio::test]
async fn a_load_that_an_event_overtakes_is_not_stored_and_another_follows() {
    let source = Source::new(Then::Load);
    let (bus, users, cache, clock) = scheduled(&source).await;
    becomes(&cache, 1).await;
    source.then(Then::Wait);
    clock.advance(MINUTE);
    source.has_begun(2).await;
    users.invalidate_user("1").await.unwrap();
    settled(&bus).await.unwrap();
    assert_eq!(cache.get("1"), None);
    source.go_on();
    let overtaken = async || cache.stats().overtaken_loads;
    eventually("its end", overtaken, |overtaken| *overtaken == 1).await;
    assert_eq!(cache.get("1"), None);
    clock.advance(SECOND);
    source.has_begun(3).await;
    source.go_on();
    becomes(&cache, 3).await;
}

#[tokio::test]
async fn an_entry_that_was_evicted_is_loaded_again_at_once() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let source = Source::new(Then::Load);
    let cache = Cache::builder("users", HOUR).tags(|_, _| ["tag"]);
    let cache = cache.evict_on(&users, |event| match event {
        UserEvent::Guild { guild } => Evict::tag(guild),
        UserEvent::Renamed => Evict::matching_entry(|_, value: &u64| *value > 0),
        event => evict(event),
    });
    let cache = source.schedule(cache.clock(&clock)).build().unwrap();
    bus.ready().await.unwrap();
    becomes(&cache, 1).await;
    let loads = async || source.loads();
    for event in ["user", "users", "ending", "renamed", "guild", "all"] {
        clock.advance(SECOND);
        let before = source.loads();
        match event {
            "user" => users.invalidate_user("1").await.unwrap(),
            "users" => users.invalidate_users(vec!["1".to_owned()]).await.unwrap(),
            "ending" => users.invalidate_ending("1").await.unwrap(),
            "renamed" => users.invalidate_renamed().await.unwrap(),
            "guild" => users.invalidate_guild("tag").await.unwrap(),
            _ => users.invalidate_all().await.unwrap(),
        };
        eventually(event, loads, |loads| *loads > before).await;
        // The event comes back, and evicts once more.
        settled(&bus).await.unwrap();
        clock.advance(SECOND);
        let is_latest = |held: &Option<u64>| held.is_some() && *held == Some(source.loads());
        eventually("the latest", async || cache.get("1"), is_latest).await;
    }
}

/// An entry that is missing anyway does not make each event a load.
#[tokio::test]
async fn what_no_event_has_evicted_is_loaded_when_its_time_has_come() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let source = Source::new(Then::Load);
    let cache = source.schedule(builder(&users).clock(&clock));
    let cache = cache.ttl_by(|_| 10 * SECOND).build().unwrap();
    bus.ready().await.unwrap();
    becomes(&cache, 1).await;
    clock.advance(10 * SECOND);
    assert!(!cache.contains("1"));
    for _ in 0..10 {
        users.invalidate_user("2").await.unwrap();
        users
            .invalidate_users(vec!["2".to_owned(), "3".to_owned()])
            .await
            .unwrap();
        users.invalidate_ending("2").await.unwrap();
        settled(&bus).await.unwrap();
        clock.advance(SECOND);
        turn_of_tasks().await;
    }
    assert_eq!(source.loads(), 1);
    clock.advance(MINUTE);
    becomes(&cache, 2).await;
}

#[tokio::test]
async fn however_many_events_evict_it_loads_have_some_time_between_them() {
    let source = Source::new(Then::Load);
    let (bus, users, cache, clock) = scheduled(&source).await;
    becomes(&cache, 1).await;
    clock.advance(SECOND);
    for _ in 0..100 {
        users.invalidate_user("1").await.unwrap();
        settled(&bus).await.unwrap();
    }
    source.has_begun(2).await;
    // The load may have begun, and ended, after the last of these.
    users.invalidate_user("1").await.unwrap();
    settled(&bus).await.unwrap();
    assert_eq!(source.loads(), 2);
    clock.advance(SECOND);
    becomes(&cache, 3).await;
}

#[tokio::test]
async fn while_events_are_not_proven_to_arrive_nothing_is_loaded() {
    let clock = ManualClock::new();
    let bus = Bus::local().clock(&clock).connect_lazy().unwrap();
    let users = Users::new(&bus);
    let source = Source::new(Then::Load);
    let cache = source.schedule(builder(&users)).build().unwrap();
    bus.ready().await.unwrap();
    becomes(&cache, 1).await;
    let network = Network::of(&bus);
    network.disconnect().await;
    assert!(cache.is_empty());
    for _ in 0..10 {
        clock.advance(MINUTE);
        tokio::task::yield_now().await;
    }
    assert_eq!(source.loads(), 1);
    network.reconnect().await;
    becomes(&cache, 2).await;
}

#[tokio::test]
async fn it_ends_with_the_cache() {
    let source = Source::new(Then::Wait);
    let (_bus, _users, cache, _clock) = scheduled(&source).await;
    source.has_begun(1).await;
    let clone = cache.clone();
    drop(cache);
    source.go_on();
    becomes(&clone, 1).await;
    drop(clone);
    let users = async || Arc::strong_count(&source.0);
    eventually("the loader to be dropped", users, |users| *users == 1).await;
}

#[tokio::test]
async fn a_load_that_hangs_ends_with_the_cache() {
    let source = Source::new(Then::Wait);
    let (_bus, _users, cache, _clock) = scheduled(&source).await;
    source.has_begun(1).await;
    drop(cache);
    let users = async || Arc::strong_count(&source.0);
    eventually("the load to end", users, |users| *users == 1).await;
}

#[tokio::test]
async fn settings_that_mean_nothing_are_refused() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let refused = |set: &dyn Fn(CacheBuilder) -> CacheBuilder| {
        let error = set(builder(&users)).build().unwrap_err().to_string();
        error.rsplit("built: ").next().unwrap().to_owned()
    };
    let load = async |_| Ok::<_, String>(1);
    let many = || (0..33).map(|key| key.to_string());
    assert_eq!(
        refused(&|builder| builder.refresh_every(MINUTE, many(), load)),
        "refresh_every of 33 keys: expected at most 32"
    );
    assert_eq!(
        refused(&|builder| builder.refresh_every(HOUR, ["1"], load)),
        "refresh_every of 3600s: expected less than the TTL, which is 3600s at least"
    );
    assert_eq!(
        refused(&|builder| builder.refresh_every(Duration::ZERO, ["1"], load)),
        "refresh_every of 0ns: expected at least 1 ms and at most a year"
    );
    assert_eq!(
        refused(&|builder| {
            let builder = builder.refresh_every(MINUTE, ["1"], load);
            builder.load_wait(Duration::ZERO)
        }),
        "load_wait of 0ns: expected at least 1 ms and at most a year"
    );
}
