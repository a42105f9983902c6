//! Keys of a type of the program's own.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::redis::{Builder, Coherent, Json, Loaded, Plain, RedisKey};
use cache_runtime::{Bus, Evict, InvalidationEvent, RedisCache, cache_invalidation};
use support::{Server, eventually, log, within};
use tokio::sync::Mutex;
use tokio::sync::mpsc::unbounded_channel;

use crate::fixture::{LONG, Place, in_both_places, lasting};

const MINUTE: Duration = Duration::from_secs(60);

/// A user in a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Member {
    guild: u64,
    user: u64,
}

/// A member of guild 0 cannot be displayed.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { guild: 0, .. } => Err(fmt::Error),
            Self { guild, user } => write!(f, "{guild}:{user}"),
        }
    }
}

const fn member(guild: u64, user: u64) -> Member {
    Member { guild, user }
}

const ADA: Member = member(1, 1);
const BEN: Member = member(1, 2);
const CYD: Member = member(2, 1);
const ALL: [Member; 3] = [ADA, BEN, CYD];
const NOBODY: Member = member(0, 0);

#[derive(Debug, InvalidationEvent)]
enum MemberEvent {
    Member { guild: u64, user: u64 },
    Users { guild: u64, users: Vec<u64> },
    Guild { guild: u64 },
    User { user: u64 },
    Other,
    All,
}

#[cache_invalidation(channel = "cache:members", event = MemberEvent)]
struct Members;

fn evict(event: &MemberEvent) -> Evict<Member> {
    match event {
        MemberEvent::Member { guild, user } => Evict::key(member(*guild, *user)),
        MemberEvent::Users { guild, users } => {
            Evict::keys(users.iter().map(|user| member(*guild, *user)))
        }
        MemberEvent::Guild { guild } => Evict::tag(guild),
        MemberEvent::User { user } => {
            let user = *user;
            Evict::matching(move |key: &Member| key.user == user)
        }
        MemberEvent::Other => Evict::Nothing,
        MemberEvent::All => Evict::All,
    }
}

/// What is in front of the colon.
fn guild(text: &str) -> Option<String> {
    Some(text.split_once(':')?.0.to_owned())
}

fn builder(bus: &Bus) -> Builder<String, Plain, Json, Member> {
    lasting(bus, LONG).key_type::<Member>()
}

struct Instance {
    bus: Bus,
    service: Members,
    cache: RedisCache<String, Coherent, Member>,
}

impl Instance {
    async fn new(place: &Place) -> Self {
        let bus = place.instance().await;
        let service = Members::new(&bus);
        let cache = builder(&bus).memory(LONG, 100).group_by(guild);
        let cache = cache.evict_on(&service, evict).build().unwrap();
        bus.ready().await.unwrap();
        Self {
            bus,
            service,
            cache,
        }
    }

    /// Which of the members it has.
    async fn left(&self) -> Vec<Member> {
        let mut left = Vec::new();
        for member in ALL {
            if self.cache.contains(&member).await.unwrap() {
                left.push(member);
            }
        }
        left
    }

    async fn keeps(&self, expected: &[Member]) {
        let left = async || self.left().await;
        eventually("the event to evict", left, |left| left == expected).await;
    }
}

/// Two instances that have all members in both levels.
async fn filled(place: &Place) -> [Instance; 2] {
    let both = [Instance::new(place).await, Instance::new(place).await];
    for instance in &both {
        let load = async |members: Vec<Member>| members.into_iter().map(|key| (key, named(key)));
        let found = instance.cache.get_many_or_load(&ALL, load).await.unwrap();
        assert_eq!(found.len(), ALL.len());
    }
    both
}

fn named(member: Member) -> String {
    format!("member {member}")
}

async fn entries_are_stored_and_read(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).memory(LONG, 100).build().unwrap();
    cache.insert(&ADA, "Ada".to_owned()).await.unwrap();
    assert_eq!(place.stored("texts:1:1").await.unwrap(), br#""Ada""#);
    assert_eq!(cache.get(&ADA).await.unwrap().as_deref(), Some("Ada"));
    assert_eq!(cache.stats().memory_hits, 1);
    assert_eq!(cache.get(&BEN).await.unwrap(), None);

    let ben = cache.get_or_load(&BEN, async || "Ben".to_owned()).await;
    assert_eq!(ben.unwrap(), "Ben");
    let failed = cache.try_get_or_load(&CYD, async || Err::<String, _>("no database"));
    assert!(failed.await.unwrap_err().into_load().is_some());
    let absent = async || Ok::<_, Infallible>(Loaded::absent("left"));
    let cyd = cache.lookup_or_load(&CYD, absent).await.unwrap();
    assert_eq!(cyd, Loaded::absent("left"));

    // Another instance, by the same keys and by their texts.
    let bus = place.instance().await;
    let (typed, text) = (builder(&bus), lasting(&bus, LONG));
    let (typed, text) = (typed.build().unwrap(), text.build().unwrap());
    for (key, member) in [
        ("1:1", ADA),
        ("1:2", BEN),
        ("2:1", CYD),
        ("9:9", member(9, 9)),
    ] {
        let found = typed.lookup(&member).await.unwrap();
        assert_eq!(found, text.lookup(key).await.unwrap(), "{key}");
        assert_eq!(found.is_some(), member.guild != 9, "{key}");
    }
    typed.remove(&ADA).await.unwrap();
    assert_eq!(place.stored("texts:1:1").await, None);
    assert_eq!(text.get("1:2").await.unwrap().as_deref(), Some("Ben"));
}

async fn several_are_loaded_by_their_keys(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).build().unwrap();
    cache.insert(&ADA, "Ada".to_owned()).await.unwrap();
    let asked = Mutex::new(Vec::new());
    let load = async |members: Vec<Member>| {
        asked.lock().await.extend(members);
        let cyd = (CYD, Loaded::absent("left"));
        Ok::<_, Infallible>([(BEN, Loaded::Present("Ben".to_owned())), cyd])
    };
    let keys = [ADA, BEN, CYD, BEN, member(9, 9)];
    let found = cache.lookup_many_or_load(&keys, load).await.unwrap();
    assert_eq!(*asked.lock().await, [BEN, CYD, member(9, 9)]);
    assert_eq!(found.len(), 3);
    assert_eq!(found[&ADA], Loaded::Present("Ada".to_owned()));
    assert_eq!(found[&BEN], Loaded::Present("Ben".to_owned()));
    assert_eq!(found[&CYD], Loaded::absent("left"));
    assert_eq!(place.stored("texts:1:2").await.unwrap(), br#""Ben""#);
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.shared_loads), (3, 0), "each key once");

    let keys: Vec<&Member> = keys[..3].iter().collect();
    let never = async |_| -> Result<[(Member, String); 0], Infallible> { panic!("loaded") };
    let found = cache.try_get_many_or_load(&keys, never).await.unwrap();
    assert_eq!(found.len(), 2, "one is known to be absent");
}

async fn events_evict_by_key_everywhere(place: &Place) {
    let [here, there] = filled(place).await;
    here.service.invalidate_member(1_u64, 1_u64).await.unwrap();
    assert_eq!(here.left().await, [BEN, CYD], "at once");
    there.keeps(&[BEN, CYD]).await;
    here.service.publish(&MemberEvent::Other).await.unwrap();
    let users = vec![2, 3];
    let event = MemberEvent::Users { guild: 1, users };
    there.service.publish(&event).await.unwrap();
    here.keeps(&[CYD]).await;
    assert_eq!(there.left().await, [CYD]);
    assert_eq!(Instance::new(place).await.left().await, [CYD], "in Redis");
    assert_eq!(there.cache.stats().evictions.event, 2, "no more than that");

    here.service.invalidate_all().await.unwrap();
    there.keeps(&[]).await;
}

async fn events_evict_groups_of_the_text(place: &Place) {
    let [here, there] = filled(place).await;
    here.service.invalidate_guild(1_u64).await.unwrap();
    assert_eq!(here.left().await, [CYD]);
    there.keeps(&[CYD]).await;
    assert_eq!(Instance::new(place).await.left().await, [CYD], "in Redis");
}

async fn a_predicate_over_keys_evicts_everything(place: &Place) {
    let [here, there] = filled(place).await;
    here.service.invalidate_user(2_u64).await.unwrap();
    assert!(here.left().await.is_empty());
    there.keeps(&[]).await;
}

async fn refreshes_are_given_the_key(place: &Place) {
    let bus = place.instance().await;
    let (keys, mut asked) = unbounded_channel();
    let load = move |member: Member| {
        keys.send(member).unwrap();
        async move { Ok::<_, Infallible>(named(member)) }
    };
    for member in [ADA, BEN] {
        let old = lasting(&bus, MINUTE / 2).key_type::<Member>();
        let old = old.build().unwrap();
        old.insert(&member, "old".to_owned()).await.unwrap();
    }
    let cache = builder(&bus)
        .refresh_ahead(MINUTE, load)
        .refresh_keys([CYD])
        .build()
        .unwrap();
    assert_eq!(within("the schedule", asked.recv()).await, Some(CYD));
    let never = async || panic!("loaded");
    assert_eq!(cache.get_or_load(&ADA, never).await.unwrap(), "old");
    assert_eq!(within("a read", asked.recv()).await, Some(ADA));
    let never = async |_| -> [(Member, String); 0] { panic!("loaded") };
    let found = cache.get_many_or_load(&[BEN], never).await.unwrap();
    assert_eq!(found[&BEN], "old");
    assert_eq!(within("a read of several", asked.recv()).await, Some(BEN));
    for member in ALL {
        let get = async || cache.get(&member).await.unwrap();
        let is_new = |value: &Option<String>| *value == Some(named(member));
        eventually("the refresh", get, is_new).await;
    }
}

/// It panics before anything is done, or what a loader returned is not stored; so nobody waits for it.
async fn a_key_that_cannot_be_displayed_panics(place: &Place) {
    let [here, there] = filled(place).await;
    for way in 0..2 {
        let cache = here.cache.clone();
        let read = tokio::spawn(async move {
            let load = async || panic!("loaded");
            let load_many = async |_| -> [(Member, String); 0] { panic!("loaded") };
            match way {
                0 => drop(cache.get_or_load(&NOBODY, load).await),
                _ => drop(cache.get_many_or_load(&[ADA, NOBODY], load_many).await),
            }
        });
        assert!(read.await.unwrap_err().is_panic());
    }
    assert_eq!(here.cache.stats().loads, 3, "those that filled it");
    assert_eq!(here.left().await, ALL);
    // What an event evicts is not known, so it is everything.
    here.service.invalidate_member(0_u64, 0_u64).await.unwrap();
    assert!(here.left().await.is_empty());
    there.keeps(&[]).await;
    let cache = here.cache.clone();
    let read = tokio::spawn(async move {
        let load = async |_| [(ADA, "lost".to_owned()), (NOBODY, "nobody".to_owned())];
        cache.get_many_or_load(&[ADA], load).await
    });
    assert!(read.await.unwrap_err().is_panic(), "after the load");
    assert_eq!(here.cache.stats().loads, 4);
    let ada = here.cache.get_or_load(&ADA, async || "Ada".to_owned());
    assert_eq!(ada.await.unwrap(), "Ada");
    here.bus.close().await;
}

/// Displays as its text, whatever its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Numbered(u32, &'static str);

impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

async fn keys_that_display_alike_are_one_entry(place: &Place) {
    let bus = place.instance().await;
    let cache = lasting(&bus, LONG).key_type::<Numbered>().build().unwrap();
    let load = async |keys: Vec<Numbered>| {
        assert_eq!(keys, [Numbered(1, "a")]);
        [(Numbered(3, "a"), "loaded".to_owned())]
    };
    let keys = [Numbered(1, "a"), Numbered(2, "a")];
    let found = cache.get_many_or_load(&keys, load).await.unwrap();
    let first = (Numbered(1, "a"), "loaded".to_owned());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [first]);
}

/// A read whose key has any type, in a task of its own.
async fn read<K: RedisKey + Clone>(cache: &RedisCache<String, Plain, K>, key: K) -> String {
    let cache = cache.clone();
    let reading = tokio::spawn(async move {
        let found = cache.get_many_or_load([&key], async |_| []).await.unwrap();
        assert_eq!(
            found.len(),
            usize::from(cache.contains(&key).await.unwrap())
        );
        cache.get_or_load(&key, async || "loaded".to_owned()).await
    });
    reading.await.unwrap().unwrap()
}

async fn any_type_that_displays_will_do(place: &Place) {
    let bus = place.instance().await;
    let texts = lasting(&bus, LONG).build().unwrap();
    texts.insert("7", "seven".to_owned()).await.unwrap();
    let cache = lasting(&bus, LONG).key_type().build().unwrap();
    assert_eq!(read(&cache, 7_u64).await, "seven");
    let cache = lasting(&bus, LONG).key_type().build().unwrap();
    assert_eq!(read(&cache, String::from("7")).await, "seven");
    let cache = lasting(&bus, LONG).key_type().build().unwrap();
    assert_eq!(read(&cache, Arc::<str>::from("8")).await, "loaded");
    assert_eq!(texts.get("8").await.unwrap().as_deref(), Some("loaded"));
}

in_both_places!(
    entries_are_stored_and_read,
    several_are_loaded_by_their_keys,
    events_evict_by_key_everywhere,
    events_evict_groups_of_the_text,
    a_predicate_over_keys_evicts_everything,
    refreshes_are_given_the_key,
    a_key_that_cannot_be_displayed_panics,
    keys_that_display_alike_are_one_entry,
    any_type_that_displays_will_do,
);

#[tokio::test]
async fn in_redis_a_key_is_its_text() {
    let place = Place::over(Server::start().await);
    let Place::Redis(server, _) = &place else {
        unreachable!("it is over a server");
    };
    let bus = place.instance().await;
    let cache = builder(&bus).build().unwrap();
    cache.insert(&CYD, "Cyd".to_owned()).await.unwrap();
    let admin = server.admin().await;
    let raw = admin.run::<String>(&["GET", "texts:2:1"]).await;
    assert_eq!(raw, r#""Cyd""#);

    let instance = Instance::new(&place).await;
    let load = async || "Ada".to_owned();
    instance.cache.get_or_load(&ADA, load).await.unwrap();
    let key = "cache-runtime:coherent:{texts}:v:1:1";
    let raw = admin.run::<String>(&["GET", key]).await;
    assert!(raw.ends_with(r#":+"Ada""#), "{raw}");
}

/// Memory has only the texts of keys, so more is evicted from there than the event says.
#[tokio::test]
async fn a_predicate_over_keys_is_logged_where_there_is_memory() {
    log::start();
    let by_key = |event: &MemberEvent| match event {
        MemberEvent::User { .. } => Evict::matching(|_: &Member| false),
        other => evict(other),
    };
    let by_entry = |event: &MemberEvent| match event {
        MemberEvent::User { .. } => Evict::matching_entry(|_: &Member, _: &String| false),
        other => evict(other),
    };
    let bus = Bus::in_process();
    let service = Members::new(&bus);
    let named = |name| RedisCache::<String>::builder(&bus, name, LONG);
    let in_memory = |name| named(name).memory(LONG, 10).key_type::<Member>();
    let key = in_memory("by-typed-key").evict_on(&service, by_key);
    let entry = in_memory("by-typed-entry").evict_on(&service, by_entry);
    let no_memory = named("without-memory").key_type::<Member>();
    let no_memory = no_memory.evict_on(&service, by_key);
    let _caches = [key, entry, no_memory].map(|cache| cache.build().unwrap());
    let texts = named("by-text").memory(LONG, 10);
    let texts = texts.evict_on(&service, |_| Evict::matching(|_: &String| false));
    let _texts = texts.build().unwrap();
    bus.ready().await.unwrap();

    service.invalidate_member(1_u64, 1_u64).await.unwrap();
    service.invalidate_all().await.unwrap();
    for name in ["by-typed-key", "by-typed-entry"] {
        assert!(log::warnings(name).is_empty(), "{name}: keys are known");
    }
    service.invalidate_user(1_u64).await.unwrap();
    for name in ["by-typed-key", "by-typed-entry"] {
        let warnings = log::warnings(name);
        let [warning] = &*warnings else {
            panic!("{warnings:?}");
        };
        for part in [&*format!("cache={name} "), "cache:members", "everything"] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
    }
    for name in ["without-memory", "by-text"] {
        assert_eq!(log::warnings(name), [""; 0], "as much as is said");
    }
}

/// The loader and the keys were given for keys of another type.
#[tokio::test]
async fn the_type_of_keys_is_set_before_what_needs_it() {
    let bus = Bus::in_process();
    let loader = async |_: String| Ok::<_, Infallible>(String::new());
    let ahead = lasting(&bus, LONG).refresh_ahead(MINUTE, loader);
    let keys = lasting(&bus, LONG).refresh_keys(["a"]);
    for (builder, setting) in [(ahead, "refresh_ahead"), (keys, "refresh_keys")] {
        let error = builder.key_type::<Member>().build().unwrap_err();
        let error = error.to_string();
        let expected = format!(
            "{setting} before key_type: expected it after `key_type`, \
             because it takes keys of that type"
        );
        assert!(error.contains(&expected), "{error}");
    }
}
