//! The flags of caches and channels, and when they appear and disappear.

use cache_runtime::audit::{Risk, State};
use cache_runtime::coherent::WhileDown;
use cache_runtime::{Bus, CoherentCache, Evict, TtlCache, audit, cache_invalidation};
use support::{Server, eventually};

use crate::{TTL, UserEvent, builder, coherent, flags, row, rows, texts};

#[cache_invalidation(channel = "audit:silent", event = UserEvent)]
struct Silent;

#[cache_invalidation(channel = "audit:idle-event", event = UserEvent)]
struct IdleEvent;

#[cache_invalidation(channel = "audit:closed", event = UserEvent)]
struct Closed;

#[cache_invalidation(channel = "audit:lost", event = UserEvent)]
struct Lost;

#[tokio::test]
async fn a_channel_that_is_silent() {
    let bus = Bus::in_process();
    let users = Silent::new(&bus);
    let _cache = coherent("flags-silent", &users);
    bus.ready().await.unwrap();
    let found = flags("flags-silent");
    assert_eq!(
        found,
        [
            "minor: flags-silent: nothing was published or received in channel `audit:silent` yet; \
             check that every change of a value is published afterwards"
        ]
    );
    assert!(audit().flags().any(|flag| flag.to_string() == found[0]));
    // Events of this instance count, and so do those of others.
    users.invalidate_user("1").await.unwrap();
    assert_eq!(flags("flags-silent"), [""; 0]);

    let other = bus.another_instance();
    let others = Silent::new(&other);
    let _others = coherent("flags-silent-other", &others);
    other.ready().await.unwrap();
    assert_eq!(flags("flags-silent-other").len(), 1);
    users.invalidate_user("1").await.unwrap();
    let heard = async || flags("flags-silent-other");
    eventually("no flag", heard, Vec::is_empty).await;
}

#[tokio::test]
async fn an_event_that_evicts_nothing() {
    let bus = Bus::in_process();
    let users = IdleEvent::new(&bus);
    let names = coherent("flags-idle", &users);
    bus.ready().await.unwrap();
    let flags = || crate::flags("audit:idle-event");
    users.invalidate_user("1").await.unwrap();
    assert_eq!(flags(), [""; 0], "not published yet");
    users.invalidate_renamed("1").await.unwrap();
    assert_eq!(
        flags(),
        [
            "minor: audit:idle-event: event `renamed` evicts nothing: for it, `evict_on` of \
             `flags-idle` returns `Evict::Nothing`, and nothing else subscribes here. Say what it \
             evicts, or do not publish it"
        ]
    );
    let table = audit().to_string();
    assert!(table.contains("evicted by audit:idle-event: user, all, but not by renamed"));

    // A handler may act on the event, so there is no flag.
    let handler = users.subscribe(|_event| ());
    assert_eq!(flags(), [""; 0]);
    drop(handler);
    assert_eq!(flags().len(), 1);

    // Another cache may evict on it, here or in another instance.
    let other = bus.another_instance();
    let others = IdleEvent::new(&other);
    let renamed = CoherentCache::<String, u32>::builder("flags-idle-other", TTL)
        .evict_on(&others, |_event| Evict::All)
        .build()
        .unwrap();
    other.ready().await.unwrap();
    assert_eq!(flags().len(), 1);
    users.invalidate_renamed("1").await.unwrap();
    eventually("no flag", async || flags(), Vec::is_empty).await;
    drop((names, renamed));
    assert_eq!(
        flags(),
        [""; 0],
        "no cache is left that it could evict from"
    );
}

#[tokio::test]
async fn a_cache_whose_bus_is_closed() {
    let bus = Bus::in_process();
    let users = Closed::new(&bus);
    let _cache = coherent("flags-closed", &users);
    bus.ready().await.unwrap();
    bus.close().await;
    let row = row("flags-closed");
    assert_eq!(row.state.to_string(), "bypassing: the bus is closed");
    assert_eq!(row.risk, Risk::None);
    assert_eq!(
        texts(&row),
        [
            "critical: flags-closed: channel `audit:closed` is not live: the bus is closed; until \
             it is, every read loads, and nothing is stored. The error of `bus.ready()` says what \
             to change"
        ]
    );
}

#[tokio::test]
async fn a_server_that_is_gone_and_comes_back() {
    let mut server = Server::start().await;
    let bus = builder(&server.url()).connect().await.unwrap();
    let users = Lost::new(&bus);
    let _strict = coherent("flags-lost", &users);
    let _lax = CoherentCache::<String, u32>::builder("flags-lax", TTL)
        .evict_on(&users, |_event| Evict::All)
        .while_down(WhileDown::ServeUntilTtl)
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    users.invalidate_all().await.unwrap();
    assert_eq!(
        (row("flags-lost").state, row("flags-lax").state),
        (State::Live, State::Live)
    );
    assert_eq!(
        audit()
            .flags()
            .filter(|flag| flag.about.starts_with("flags-l"))
            .count(),
        0
    );

    server.kill9();
    let lost = async || row("flags-lost");
    let strict = eventually("a flag", lost, |row| !row.flags.is_empty()).await;
    assert!(
        matches!(strict.state, State::Bypassing(_)),
        "{:?}",
        strict.state
    );
    assert_eq!(
        (strict.risk, strict.flags[0].risk),
        (Risk::None, Risk::Critical)
    );
    let lax = row("flags-lax");
    assert!(matches!(lax.state, State::Unproven(_)), "{:?}", lax.state);
    assert_eq!(
        (lax.risk, lax.flags[0].risk),
        (Risk::Critical, Risk::Critical)
    );
    assert!(
        lax.flags[0].text.contains("it is read all the same"),
        "{lax:?}"
    );
    let State::Down(why) = row("audit:lost").state else {
        panic!("{:?}", row("audit:lost"));
    };
    assert!(!why.is_empty());

    server.restart().await;
    eventually("no flag", lost, |row| row.flags.is_empty()).await;
    assert_eq!(row("flags-lax").risk, Risk::None);
    assert_eq!(row("audit:lost").state, State::Live);
}

#[test]
fn two_ttl_caches_of_one_name() {
    let build = || {
        TtlCache::<u32, u32>::builder("flags-twice", TTL)
            .build()
            .unwrap()
    };
    let first = build();
    let clone = first.clone();
    assert_eq!(flags("flags-twice"), [""; 0], "a clone is the same cache");
    let second = build();
    let both = rows(&audit(), "flags-twice");
    assert_eq!(both.len(), 2);
    for row in &both {
        let found = texts(row);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(&format!(
                "minor: flags-twice: another TTL cache of this process has this name (built at {}), \
                 and their values may differ for up to 30 s.",
                row.place
            )),
            "{found:?}"
        );
    }
    drop((first, clone));
    // An audit in another test may hold a reference for a moment.
    while rows(&audit(), "flags-twice").len() > 1 {
        std::thread::yield_now();
    }
    assert_eq!(flags("flags-twice"), [""; 0]);
    drop(second);
}
