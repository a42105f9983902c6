//! The rows of audits.

use cache_runtime::audit::{Bound, Kind, Risk, Row, State};
use cache_runtime::{Bus, Cooldown, TtlCache, audit, cache_invalidation};
use serde_json::Value;
use tokio::task::yield_now;

use crate::{TTL, UserEvent, coherent, row, rows};

#[cache_invalidation(channel = "audit:rows", event = UserEvent)]
struct Users;

#[cache_invalidation(channel = "audit:counted", event = UserEvent)]
struct Counted;

#[cache_invalidation(channel = "audit:shared", event = UserEvent)]
struct Shared;

const SHARED: u32 = line!() - 3;

#[cache_invalidation(channel = "audit:unused", event = UserEvent)]
struct Unused;

/// The line of a row, which must be of this file.
fn line(row: &Row) -> u32 {
    assert_eq!(row.place.file, "tests/audit/rows.rs");
    row.place.line
}

#[tokio::test]
async fn a_coherent_cache() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let built = line!() + 1;
    let cache = coherent("rows-coherent", &users);
    bus.ready().await.unwrap();
    cache.get_or_load("1", || async { 1 }).await;
    assert_eq!(cache.get("1"), Some(1));
    users.invalidate_user("2").await.unwrap();

    let row = row("rows-coherent");
    assert_eq!((row.kind, &row.state), (Kind::Coherent, &State::Live));
    assert_eq!(line(&row), built);
    assert_eq!(row.ttl, Some(TTL));
    assert_eq!((row.bound, row.entries), (Bound::Entries(100), Some(1)));
    assert!(row.hits > 0 && row.misses > 0, "{row:?}");
    assert!(
        row.hit_ratio()
            .is_some_and(|ratio| ratio > 0.0 && ratio < 1.0)
    );
    assert_eq!(row.risk, Risk::None);
    let [source] = &row.evicted_by[..] else {
        panic!("{row:?}");
    };
    assert_eq!(source.channel, "audit:rows");
    let events = source.events.iter();
    let events: Vec<_> = events
        .map(|evicts| (evicts.event, evicts.applied > 0, evicts.evicted > 0))
        .collect();
    assert_eq!(
        events,
        [
            ("user", true, true),
            ("renamed", false, false),
            // A flush is not an event.
            ("all", false, false)
        ]
    );
}

#[test]
fn caches_that_are_local() {
    let built = line!() + 1;
    let ttl = TtlCache::<u32, u32>::builder("rows-ttl", TTL).max_weight(64, |_, _| 1);
    let ttl = ttl.build().unwrap();
    ttl.insert(1, 1);
    let found = row("rows-ttl");
    assert_eq!((found.kind, &found.state), (Kind::Ttl, &State::Local));
    assert_eq!(line(&found), built);
    assert_eq!(found.ttl, Some(TTL));
    assert_eq!((found.bound, found.entries), (Bound::Weight(64), Some(1)));
    assert_eq!(found.hit_ratio(), None);
    assert_eq!((found.risk, found.flags.len()), (Risk::Minor, 0));
    assert_eq!(found.why, "an instance may be behind another by up to 30 s");

    let built = line!() + 1;
    let cooldown = Cooldown::<u32>::builder("rows-cooldown", TTL).max_entries(5);
    let cooldown = cooldown.build().unwrap();
    let _ = cooldown.try_start(&1);
    let found = row("rows-cooldown");
    assert_eq!((found.kind, &found.state), (Kind::Cooldown, &State::Local));
    assert_eq!(line(&found), built);
    assert_eq!(found.ttl, Some(TTL));
    assert_eq!((found.bound, found.entries), (Bound::Entries(5), Some(1)));
    assert_eq!((found.risk, found.flags.len()), (Risk::Minor, 0));
}

#[tokio::test]
async fn a_load_that_is_shared_is_a_hit() {
    let cache = TtlCache::<u32, u32>::builder("rows-shared-load", TTL);
    let cache = cache.build().unwrap();
    let load = async || {
        yield_now().await;
        1
    };
    tokio::join!(cache.get_or_load(&1, load), cache.get_or_load(&1, load));
    let row = row("rows-shared-load");
    assert_eq!((row.hits, row.misses), (1, 1));
}

#[test]
fn caches_that_are_gone_are_not_listed() {
    let cache = TtlCache::<u32, u32>::builder("rows-gone", TTL)
        .build()
        .unwrap();
    let clone = cache.clone();
    drop(cache);
    assert_eq!(row("rows-gone").kind, Kind::Ttl);
    drop(clone);
    assert_eq!(rows(&audit(), "rows-gone").len(), 0);
}

#[tokio::test]
async fn a_channel_and_what_passes_through_it() {
    let bus = Bus::in_process();
    let users = Counted::new(&bus);
    users.invalidate_all().await.unwrap();
    let found = row("audit:counted");
    assert_eq!((found.kind, &found.state), (Kind::Channel, &State::Idle));
    assert!(audit().to_string().contains("this instance only publishes"));

    let _cache = coherent("rows-counted", &users);
    bus.ready().await.unwrap();
    users.invalidate_all().await.unwrap();
    support::eventually(
        "the event to be received",
        async || users.stats().received,
        |n| *n == 1,
    )
    .await;
    let found = row("audit:counted");
    assert_eq!((&found.state, found.risk), (&State::Live, Risk::None));
    let traffic = found.channel.unwrap();
    assert_eq!((traffic.stats.received, traffic.stats.published), (1, 2));
    assert_eq!(
        (traffic.subscribers, &traffic.caches[..]),
        (1, &["rows-counted".to_owned()][..])
    );
    assert_eq!(traffic.events, ["user", "renamed", "all"]);
    assert!(traffic.service.ends_with("rows::Counted"));

    // Another instance, which only publishes.
    let other = bus.another_instance();
    let others = Counted::new(&other);
    others.invalidate_all().await.unwrap();
    let traffic = row("audit:counted").channel.unwrap();
    assert_eq!((traffic.stats.published, traffic.subscribers), (3, 1));
    assert_eq!(row("audit:counted").state, State::Live);

    bus.close().await;
    assert_eq!(row("audit:counted").state, State::Idle);
    drop((others, other));
    assert_eq!(row("audit:counted").state, State::Unused);
}

#[tokio::test]
async fn a_channel_in_two_namespaces() {
    let builder = |namespace| Bus::local().namespace(namespace);
    let (a, b) = (builder("a").connect_lazy(), builder("b").connect_lazy());
    let (a, b) = (a.unwrap(), b.unwrap());
    let _services = (Shared::new(&a), Shared::new(&b));
    for name in ["a:audit:shared", "b:audit:shared"] {
        let row = row(name);
        assert_eq!((&row.state, line(&row)), (&State::Idle, SHARED), "{name}");
    }
}

#[test]
fn a_service_that_is_not_built() {
    let row = row("audit:unused");
    assert_eq!((&row.state, row.flags.len()), (&State::Unused, 0));
    let table = audit().to_string();
    let name = std::any::type_name::<Unused>();
    assert!(table.contains(&format!("{name} is not built")), "{table}");
}

#[test]
fn json_holds_what_the_rows_hold() {
    let cache = TtlCache::<u32, u32>::builder("rows-json", TTL)
        .build()
        .unwrap();
    cache.insert(1, 1);
    assert_eq!(cache.get(&1), Some(1));
    let audit = audit();
    let json: Value = serde_json::from_str(&audit.to_json()).unwrap();
    let json = json["rows"].as_array().unwrap();
    assert_eq!(json.len(), audit.rows().len());
    for (json, row) in json.iter().zip(audit.rows()) {
        assert_eq!(json["name"], row.name);
        assert_eq!(json["kind"], row.kind.as_str());
        assert_eq!(json["file"], row.place.file);
        assert_eq!(json["line"], row.place.line);
        assert_eq!(json["entries"].as_u64(), row.entries);
        assert_eq!(json["hitRatio"].as_f64(), row.hit_ratio());
        assert_eq!(json["state"], row.state.as_str());
        assert_eq!(json["risk"], row.risk.as_str());
        assert_eq!(json["flags"].as_array().unwrap().len(), row.flags.len());
        assert_eq!(json["channel"].is_object(), row.kind == Kind::Channel);
    }
    let table = audit.to_string();
    for row in audit.rows() {
        assert!(table.contains(&row.name), "{}", row.name);
        assert!(table.contains(&row.place.to_string()), "{}", row.place);
    }
}
