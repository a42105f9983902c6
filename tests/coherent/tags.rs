//! Evictions by tag and by value: of entries, and of loads on their way.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use cache_runtime::cache::NotStored;
use cache_runtime::coherent::{Builder, WithEvents};
use cache_runtime::service::Events;
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use support::{log, within};
use tokio::sync::Semaphore;

use crate::{HOUR, poll_once};

/// A member of a guild, who plays roles there.
#[derive(Debug, Clone, PartialEq)]
struct Member {
    guild: u32,
    roles: Vec<u32>,
}

#[derive(Debug, InvalidationEvent)]
enum MemberEvent {
    Member {
        key: u64,
    },
    Guild {
        guild: u64,
    },
    Roles {
        roles: Vec<u64>,
    },
    /// By value.
    Plays {
        role: u32,
    },
    /// By a value of another type than the cache's.
    Wrong,
    /// Evicts nothing.
    Mark {
        number: u32,
    },
    All,
}

#[cache_invalidation(channel = "cache:members", event = MemberEvent)]
struct Members;

type Cache = CoherentCache<u64, Member>;

/// What an event evicts. Its integers are wider than those of the values, and tags all the same.
fn evict(event: &MemberEvent) -> Evict<u64> {
    match event {
        MemberEvent::Member { key } => Evict::key(*key),
        MemberEvent::Guild { guild } => Evict::tag(format_args!("guild:{guild}")),
        MemberEvent::Roles { roles } => Evict::tags(roles),
        MemberEvent::Plays { role } => {
            let role = *role;
            Evict::matching_entry(move |key, member: &Member| {
                *key < 100 && member.roles.contains(&role)
            })
        }
        MemberEvent::Wrong => Evict::matching_entry(|_, _: &String| false),
        MemberEvent::Mark { .. } => Evict::Nothing,
        MemberEvent::All => Evict::All,
    }
}

/// Publishes events.
struct Publisher {
    members: Members,
    events: Events<MemberEvent>,
    marks: u32,
}

impl Publisher {
    /// Waits until the bus is live.
    async fn new(bus: &Bus, members: Members) -> Self {
        let events = members.events();
        bus.ready().await.expect("nothing in the way");
        let mut publisher = Self {
            members,
            events,
            marks: 0,
        };
        publisher.settle().await;
        publisher
    }

    /// Publishes an event, and waits until it has come back, because it evicts again then.
    async fn publish(&mut self, event: MemberEvent) {
        self.members.publish(&event).await.expect("the bus is open");
        self.settle().await;
    }

    async fn settle(&mut self) {
        self.marks += 1;
        let number = self.marks;
        let mark = self.members.invalidate_mark(number).await;
        mark.expect("the bus is open");
        // A stream has an event when all caches have applied it, and those before it.
        let is_mark = |event| matches!(event, MemberEvent::Mark { number: seen } if seen == number);
        while !within("the mark", self.events.recv())
            .await
            .is_some_and(is_mark)
        {}
    }

    async fn guild(&mut self, guild: u64) {
        self.publish(MemberEvent::Guild { guild }).await;
    }

    async fn roles(&mut self, roles: &[u64]) {
        let roles = roles.to_vec();
        self.publish(MemberEvent::Roles { roles }).await;
    }
}

fn builder(members: &Members, name: &str) -> Builder<u64, Member, WithEvents> {
    CoherentCache::builder(name, HOUR).evict_on(members, evict)
}

async fn tagged(bus: &Bus, entries: usize) -> (Publisher, Cache) {
    let members = Members::new(bus);
    let cache = builder(&members, "members")
        .max_entries(entries)
        .tags(|_, member| [format!("guild:{}", member.guild)])
        .tags(|_, member| member.roles.clone());
    let cache = cache.build().expect("usable settings");
    (Publisher::new(bus, members).await, cache)
}

fn member(guild: u32, roles: &[u32]) -> Member {
    let roles = roles.to_vec();
    Member { guild, roles }
}

/// A load that ends when it is let go on.
async fn held(go_on: Arc<Semaphore>, member: Member) -> Member {
    // It is closed, never acquired.
    drop(go_on.acquire().await);
    member
}

fn keys(cache: &Cache) -> Vec<u64> {
    let mut keys: Vec<_> = cache.entries().into_iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys
}

async fn fill(cache: &Cache) {
    let members = [
        (1, member(7, &[3, 4])),
        (2, member(7, &[4])),
        (3, member(8, &[])),
        (4, member(9, &[3, 5])),
    ];
    for (key, member) in members {
        cache.get_or_load(&key, async || member).await;
    }
}

#[tokio::test]
async fn evict_the_entries_that_carry_one() {
    // With one part, and with several.
    for entries in [100, 100_000] {
        let (mut publisher, cache) = tagged(&Bus::in_process(), entries).await;
        fill(&cache).await;
        publisher.guild(1).await;
        assert_eq!(keys(&cache), [1, 2, 3, 4]);
        publisher.guild(7).await;
        assert_eq!(keys(&cache), [3, 4]);
        fill(&cache).await;
        publisher.roles(&[5, 4]).await;
        assert_eq!(keys(&cache), [3]);
        publisher.roles(&[]).await;
        assert_eq!(keys(&cache), [3]);
        assert_eq!(cache.stats().evictions.event, 5);
    }
}

#[tokio::test]
async fn of_another_instance_evict_here() {
    let bus = Bus::in_process();
    let (publisher, cache) = tagged(&bus, 100).await;
    fill(&cache).await;
    let arrived = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&arrived);
    // Called after the cache, because it has subscribed later.
    let _subscription = publisher
        .members
        .subscribe_inline(move |_| told.notify_one());
    let other = Members::new(&bus.another_instance());
    other.invalidate_guild(8_u64).await.unwrap();
    within("the event", arrived.notified()).await;
    assert_eq!(keys(&cache), [1, 2, 4]);
}

#[tokio::test]
async fn are_those_of_the_value_that_is_there_now() {
    let (mut publisher, cache) = tagged(&Bus::in_process(), 100).await;
    cache.get_or_load(&1, async || member(7, &[])).await;
    publisher.publish(MemberEvent::Member { key: 1 }).await;
    cache.get_or_load(&1, async || member(8, &[])).await;
    cache.begin_load(&2).store(member(7, &[])).unwrap();
    cache.begin_load(&2).store(member(8, &[])).unwrap();
    publisher.guild(7).await;
    assert_eq!(keys(&cache), [1, 2]);
    publisher.publish(MemberEvent::All).await;
    cache.get_or_load(&1, async || member(9, &[])).await;
    publisher.guild(8).await;
    assert_eq!(keys(&cache), [1]);
}

#[tokio::test]
async fn bar_the_loads_on_their_way_whose_values_carry_one() {
    let (mut publisher, cache) = tagged(&Bus::in_process(), 100).await;
    let mut load = async |key: u64, value: Member| {
        let loader = async || {
            publisher.guild(7).await;
            value.clone()
        };
        assert_eq!(cache.get_or_load(&key, loader).await, value);
    };
    load(1, member(7, &[])).await;
    assert_eq!(keys(&cache), [0; 0], "it carries the tag");
    assert_eq!(cache.stats().overtaken_loads, 1);
    load(2, member(8, &[])).await;
    assert_eq!(keys(&cache), [2], "it does not");
    let tokens = [3, 4].map(|key| cache.begin_load(&key));
    publisher.roles(&[4]).await;
    publisher.guild(7).await;
    publisher.guild(9).await;
    let [barred, free] = tokens;
    assert_eq!(
        barred.store(member(8, &[3, 4])),
        Err(NotStored::Evicted),
        "the first of the evictions"
    );
    assert_eq!(free.store(member(8, &[3])), Ok(()));
    cache.begin_load(&5).store(member(7, &[4])).unwrap();
    assert_eq!(keys(&cache), [2, 4, 5], "a later load is stored");
}

/// Of the tags that its value will carry nothing is known yet.
#[tokio::test]
async fn later_callers_do_not_share_a_load_that_began_before() {
    let (mut publisher, cache) = tagged(&Bus::in_process(), 100).await;
    let [first_ends, second_ends] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
    let load = |ends: &Arc<Semaphore>, value: Member| {
        let ends = Arc::clone(ends);
        Box::pin(cache.get_or_load(&1, move || held(ends, value)))
    };
    let mut first = load(&first_ends, member(8, &[]));
    assert!(poll_once(first.as_mut()).is_none());
    let mut before = load(&first_ends, member(0, &[]));
    assert!(poll_once(before.as_mut()).is_none());
    publisher.guild(7).await;
    let mut second = load(&second_ends, member(7, &[]));
    assert!(poll_once(second.as_mut()).is_none());
    let mut after = load(&second_ends, member(0, &[]));
    assert!(poll_once(after.as_mut()).is_none());
    assert_eq!(cache.stats().loads, 2, "those after the event share one");
    second_ends.close();
    assert_eq!(second.await, member(7, &[]));
    assert_eq!(after.await, member(7, &[]));
    first_ends.close();
    assert_eq!(first.await, member(8, &[]));
    assert_eq!(before.await, member(8, &[]));
    assert_eq!(cache.get(&1), Some(member(7, &[])), "the newer value stays");
    assert_eq!(cache.stats().loads, 2);
}

/// The event may not concern it.
#[tokio::test]
async fn a_load_that_began_before_is_stored_until_a_later_one_is() {
    let (mut publisher, cache) = tagged(&Bus::in_process(), 100).await;
    let ends = Arc::new(Semaphore::new(0));
    let mut first = pin!(cache.get_or_load(&1, || held(Arc::clone(&ends), member(8, &[]))));
    assert!(poll_once(first.as_mut()).is_none());
    publisher.guild(7).await;
    let second = cache.get_or_load(&1, async || {
        ends.close();
        first.await;
        assert_eq!(keys(&cache), [1], "the value of the first");
        member(9, &[])
    });
    assert_eq!(second.await, member(9, &[]));
    assert_eq!(cache.get(&1), Some(member(9, &[])));
    assert_eq!(cache.stats().overtaken_loads, 0);
}

/// A caller that waits for its turn begins no load that could not be stored.
#[tokio::test]
async fn whoever_waits_for_a_permit_meanwhile_is_stored_all_the_same() {
    let bus = Bus::in_process();
    let members = Members::new(&bus);
    let cache = builder(&members, "members")
        .max_concurrent_loads(1)
        .tags(|_, member| member.roles.clone());
    let cache = cache.build().unwrap();
    let mut publisher = Publisher::new(&bus, members).await;
    let go_on = Arc::new(Semaphore::new(0));
    let mut first = pin!(cache.get_or_load(&1, || held(Arc::clone(&go_on), member(1, &[1]))));
    assert!(poll_once(first.as_mut()).is_none());
    let mut second = pin!(cache.get_or_load(&2, async || member(2, &[1])));
    assert!(poll_once(second.as_mut()).is_none());
    publisher.roles(&[1]).await;
    go_on.close();
    first.await;
    second.await;
    assert_eq!(keys(&cache), [2], "it has loaded after the event");
}

#[tokio::test]
async fn so_many_that_they_are_not_kept_bar_every_load_on_its_way() {
    let (mut publisher, cache) = tagged(&Bus::in_process(), 100).await;
    for (tags, stored) in [(10_u64, Ok(())), (1_000, Err(NotStored::Evicted))] {
        let token = cache.begin_load(&tags);
        for role in 0..tags {
            let evict = publisher.members.invalidate_roles(vec![role]);
            evict.await.unwrap();
        }
        publisher.settle().await;
        assert_eq!(token.store(member(7, &[5_000])), stored, "{tags} tags");
    }
    assert_eq!(cache.begin_load(&1).store(member(7, &[1])), Ok(()));
}

#[tokio::test]
async fn of_a_cache_without_tags_evict_everything() {
    log::start();
    let bus = Bus::in_process();
    let members = Members::new(&bus);
    let cache = builder(&members, "without-tags").build().unwrap();
    let mut publisher = Publisher::new(&bus, members).await;
    fill(&cache).await;
    publisher.roles(&[]).await;
    assert_eq!(cache.len(), 4, "no tag is evicted");
    let token = cache.begin_load(&5);
    publisher.guild(1).await;
    assert_eq!(cache.len(), 0);
    assert_eq!(token.store(member(2, &[])), Err(NotStored::Evicted));
    for _ in 0..20 {
        publisher.guild(1).await;
    }
    let warnings = log::warnings("without-tags");
    // One a second.
    assert!((1..20).contains(&warnings.len()), "{warnings:?}");
    assert!(
        warnings[0].contains("does not say which tags"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn what_panics_as_it_says_them_is_not_stored() {
    /// What cannot be displayed.
    struct Broken;
    impl fmt::Display for Broken {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    log::start();
    let bus = Bus::in_process();
    let members = Members::new(&bus);
    let cache = builder(&members, "panics")
        .tags(|_, member| {
            assert_ne!(member.guild, 6, "as the test wants it");
            member.roles.clone()
        })
        .tags(|_, member| (member.guild == 5).then_some(Broken));
    let cache = cache.build().unwrap();
    let mut publisher = Publisher::new(&bus, members).await;
    let go_on = Arc::new(Semaphore::new(0));
    let mut first = pin!(cache.get_or_load(&1, || held(Arc::clone(&go_on), member(6, &[]))));
    assert!(poll_once(first.as_mut()).is_none());
    let mut waits = pin!(cache.get_or_load(&1, async || member(0, &[])));
    assert!(poll_once(waits.as_mut()).is_none());
    go_on.close();
    assert_eq!((first.await, waits.await), (member(6, &[]), member(6, &[])));
    assert_eq!(
        cache.begin_load(&2).store(member(5, &[])),
        Err(NotStored::Untagged)
    );
    let stats = cache.stats();
    assert_eq!((stats.untagged, stats.loading), (2, 0), "{stats:?}");
    assert_eq!((stats.stored, stats.failed_loads), (0, 0), "{stats:?}");
    let warnings = log::warnings("panics");
    assert!(warnings[0].contains("`tags` panicked"), "{warnings:?}");
    for key in [1, 2] {
        cache.get_or_load(&key, async || member(7, &[3])).await;
    }
    publisher.roles(&[3]).await;
    assert_eq!(keys(&cache), [0; 0]);
}

#[tokio::test]
async fn a_predicate_asks_for_the_value_too() {
    for entries in [100, 100_000] {
        let (mut publisher, cache) = tagged(&Bus::in_process(), entries).await;
        fill(&cache).await;
        cache.get_or_load(&104, async || member(9, &[3])).await;
        let tokens = [5, 6].map(|key| cache.begin_load(&key));
        publisher.publish(MemberEvent::Plays { role: 3 }).await;
        assert_eq!(keys(&cache), [2, 3, 104]);
        // Their values could not be asked about.
        for token in tokens {
            assert_eq!(token.store(member(9, &[])), Err(NotStored::Evicted));
        }
        publisher.guild(7).await;
        assert_eq!(keys(&cache), [3, 104]);
    }
}

#[tokio::test]
async fn a_predicate_over_another_type_evicts_everything() {
    log::start();
    let bus = Bus::in_process();
    let members = Members::new(&bus);
    let cache = builder(&members, "another-type").build().unwrap();
    let mut publisher = Publisher::new(&bus, members).await;
    fill(&cache).await;
    let token = cache.begin_load(&5);
    publisher.publish(MemberEvent::Wrong).await;
    assert_eq!(cache.len(), 0);
    assert_eq!(token.store(member(9, &[])), Err(NotStored::Evicted));
    let warnings = log::warnings("another-type");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for part in ["String", "Member"] {
        assert!(warnings[0].contains(part), "{warnings:?}");
    }
}

#[test]
fn what_is_evicted_can_be_printed() {
    let by_tag = Evict::<u64>::tags([1, 2]);
    assert_eq!(format!("{by_tag:?}"), r#"Tags(["1", "2"])"#);
    let by_value = Evict::<u64>::matching_entry(|_, _: &Member| true);
    assert_eq!(format!("{by_value:?}"), "MatchingEntry(..)");
}

/// Of several keys that are loaded at once, those are not stored whose values carry the tag.
#[tokio::test]
async fn bar_some_keys_of_a_load_of_several() {
    let (mut publisher, cache) = tagged(&Bus::in_process(), 100).await;
    let go_on = Arc::new(Semaphore::new(0));
    let load = async |keys: Vec<u64>| {
        drop(go_on.acquire().await);
        let guild = |key: u64| u32::try_from(key % 2).expect("it is 0 or 1");
        keys.into_iter()
            .map(move |key| (key, member(guild(key), &[])))
    };
    let mut loading = pin!(cache.get_many_or_load(&[1, 2, 3, 4], load));
    assert!(poll_once(loading.as_mut()).is_none());
    publisher.guild(1).await;
    go_on.close();
    assert_eq!(within("the load", loading).await.len(), 4);
    assert_eq!(keys(&cache), [2, 4]);
}
