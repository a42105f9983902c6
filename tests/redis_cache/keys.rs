//! Keys in Redis: which are shared with other programs, which are the library's own, and which no
//! two caches may have.

use cache_runtime::redis::{Codec, Json, Loaded};
use cache_runtime::{Bus, Dedup, RedisCache};
use support::{Port, Server, eventually};

use crate::coherent::evict;
use crate::fixture::{LONG, Place, Source, Texts, builder, connect, in_both_places, never, text};

async fn values_are_under_plain_keys_as_the_codec_writes_them(place: &Place) {
    let bus = place.instance().await;
    let models = RedisCache::<Vec<String>>::builder(&bus, "provider:models", LONG);
    let models = models.load_lock(LONG).build().unwrap();
    let load = || async { vec!["small".to_owned()] };
    models.get_or_load("all", load).await.unwrap();
    let stored = place.stored("provider:models:all").await.unwrap();
    assert_eq!(stored, br#"["small"]"#);
    // What another program stores is read.
    place
        .write("provider:models:other", br#" [ "large" ] "#)
        .await;
    assert_eq!(models.get("other").await.unwrap().unwrap(), ["large"]);
}

async fn a_key_can_be_named_by_a_function(place: &Place) {
    let bus = place.instance().await;
    let texts = builder(&bus).key_by(|key| format!("{key}:text"));
    let texts = texts.load_lock(LONG).build().unwrap();
    texts
        .get_or_load("a", || async { "A".to_owned() })
        .await
        .unwrap();
    assert_eq!(place.stored("a:text").await.unwrap(), br#""A""#);
    texts.remove("a").await.unwrap();
    assert_eq!(place.stored("a:text").await, None);
    // Its keys are the user's concern: another cache may have the same name.
    let other = RedisCache::<u8>::builder(&bus, "texts", LONG);
    other.build().unwrap();
    let events = Texts::new(&bus);
    let coherent = builder(&bus).key_by(str::to_owned).evict_on(&events, evict);
    let error = coherent.build().unwrap_err().to_string();
    assert!(error.contains("key_by"), "{error}");
}

async fn what_another_program_stores_counts_before_an_absence(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).build().unwrap();
    let absent = || async { Ok::<_, std::io::Error>(Loaded::absent("gone")) };
    let known = cache.lookup_or_load("a", absent).await.unwrap();
    assert_eq!(known, Loaded::absent("gone"));
    place.write("texts:a", br#""A""#).await;
    assert_eq!(cache.get("a").await.unwrap().as_deref(), Some("A"));
    // A value that is stored ends the absence, and the other way round.
    let cases = ["insert", "load"];
    for by in cases {
        cache.remove("b").await.unwrap();
        cache.lookup_or_load("b", absent).await.unwrap();
        assert!(
            place
                .stored("cache-runtime:absent:{texts:b}")
                .await
                .is_some()
        );
        if by == "insert" {
            cache.insert("b", "B".to_owned()).await.unwrap();
        } else {
            cache.remove("b").await.unwrap();
            cache.try_get_or_load("b", || text("B")).await.unwrap();
        }
        assert_eq!(place.stored("cache-runtime:absent:{texts:b}").await, None);
        assert_eq!(cache.try_get_or_load("b", never).await.unwrap(), "B");
    }
}

/// Writes as [`Json`] does.
struct AlsoJson;

impl Codec<String> for AlsoJson {
    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), AnyError> {
        Json.encode(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, AnyError> {
        Json.decode(bytes)
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn two_caches_of_one_name_store_the_same_type(place: &Place) {
    let (bus, other) = (place.instance().await, place.instance().await);
    let first = builder(&bus).build().unwrap();
    let line = line!() - 1;
    let same = builder(&other).memory(LONG, 10).build();
    drop(same.expect("the same type and codec"));
    for bus in [&bus, &other] {
        let clash = RedisCache::<u8>::builder(bus, "texts", LONG).build();
        let here = format!("keys.rs:{}", line!() - 1);
        let there = format!("keys.rs:{line}");
        let clash = clash.unwrap_err().to_string();
        for expected in [
            "cache `texts`",
            "`u8`",
            "`alloc::string::String`",
            &here,
            &there,
        ] {
            assert!(clash.contains(expected), "{clash}");
        }
        let clash = builder(bus)
            .codec(AlsoJson)
            .build()
            .unwrap_err()
            .to_string();
        assert!(
            clash.contains("AlsoJson") && clash.contains("Json`"),
            "{clash}"
        );
        let clash = Dedup::builder(bus, "texts")
            .build()
            .unwrap_err()
            .to_string();
        assert!(
            clash.contains("dedup") && clash.contains("String"),
            "{clash}"
        );
    }
    // A coherent cache has keys of its own.
    let events = Texts::new(&bus);
    let coherent = RedisCache::<u8>::builder(&bus, "texts", LONG).evict_on(&events, evict);
    let _coherent = coherent.build().unwrap();
    let clash = builder(&other).evict_on(&Texts::new(&other), evict).build();
    assert!(clash.is_err(), "coherent too");
    drop(first);
    let next = RedisCache::<u8>::builder(&bus, "texts", LONG).build();
    next.expect("the first is gone");
}

async fn a_name_does_not_continue_another(place: &Place) {
    let bus = place.instance().await;
    let names = ["a", "a:b", "a:b:c"];
    let build = |name: &str| RedisCache::<u8>::builder(&bus, name, LONG).build();
    for first in names {
        let cache = build(first).unwrap();
        for second in names.into_iter().filter(|second| *second != first) {
            let error = build(second).unwrap_err().to_string();
            assert!(error.contains(&format!("cache `{second}`")), "{error}");
            assert!(error.contains(&format!("cache `{first}`")), "{error}");
            assert_eq!(error.matches("keys.rs:").count(), 2, "{error}");
        }
        drop(build("ab").unwrap());
        drop(cache);
    }
}

in_both_places!(
    values_are_under_plain_keys_as_the_codec_writes_them,
    a_key_can_be_named_by_a_function,
    what_another_program_stores_counts_before_an_absence,
    two_caches_of_one_name_store_the_same_type,
    a_name_does_not_continue_another,
);

#[tokio::test]
async fn a_namespace_and_a_name_are_no_other_namespace_and_name() {
    let server = Server::start().await;
    let bus = async |namespace: &str| {
        let bus = Bus::redis(server.url()).namespace(namespace);
        bus.connect().await.unwrap()
    };
    let (short, long) = (bus("p").await, bus("p:q").await);
    let build = |bus: &Bus, name: &str| RedisCache::<u8>::builder(bus, name, LONG).build();
    let outer = build(&short, "q").unwrap();
    let error = build(&long, "v").unwrap_err().to_string();
    assert!(
        error.contains("`p:q:v:`") && error.contains("`p:q:`"),
        "{error}"
    );
    drop(outer);
    let inner = build(&long, "v").unwrap();
    assert!(build(&short, "q").is_err());
    assert!(
        build(&short, "q:v").is_ok(),
        "the same keys, and the same type"
    );
    drop(inner);
    // What is the library's own is under no name.
    let own = Bus::redis(server.url()).namespace("p:cache-runtime");
    let error = format!("{:#}", own.connect().await.unwrap_err());
    assert!(error.contains("the library's own"), "{error}");
    // Coherent caches have keys of their own, whatever their names.
    let (outer, inner) = (Texts::new(&short), Texts::new(&long));
    let outer = builder(&short).evict_on(&outer, evict).build().unwrap();
    let inner = RedisCache::<String>::builder(&long, "v", LONG).evict_on(&inner, evict);
    let inner = inner.build().unwrap();
    outer
        .get_or_load("v:v:a", || async { "outer".to_owned() })
        .await
        .unwrap();
    assert_eq!(inner.get("a").await.unwrap(), None);
}

/// A node of a cluster runs no script on keys in different slots.
#[tokio::test]
async fn the_keys_of_an_entry_are_in_one_slot() {
    let port = Port::reserve();
    let server = Server::builder()
        .option("cluster-enabled", "yes")
        .option("cluster-port", &port.number().to_string());
    let server = server.start().await;
    let admin = server.admin().await;
    let slots: Vec<String> = (0..16384).map(|slot| slot.to_string()).collect();
    let slots: Vec<&str> = slots.iter().map(String::as_str).collect();
    admin
        .run::<()>(&[&["CLUSTER", "ADDSLOTS"], &*slots].concat())
        .await;
    let state = async || admin.run::<String>(&["CLUSTER", "INFO"]).await;
    let is_ok = |state: &String| state.contains("cluster_state:ok");
    eventually("the cluster to be complete", state, is_ok).await;

    let url = server.url().replace("redis://", "redis-cluster://");
    let bus = Bus::redis(url).connect().await.unwrap();
    let events = Texts::new(&bus);
    let plain = builder(&bus).load_lock(LONG).build().unwrap();
    let coherent = builder(&bus).evict_on(&events, evict).build().unwrap();
    bus.ready().await.unwrap();
    let absent = || async { Ok::<_, std::io::Error>(Loaded::absent("gone")) };
    for key in [
        "", "a", "{a}", "x{a}y{b}", "{}", "{}a{b}", "a}b", "a{b", "}{", "{{a}}",
    ] {
        plain.lookup_or_load(key, absent).await.unwrap();
        plain.insert(key, "old".to_owned()).await.unwrap();
        plain.remove(key).await.unwrap();
        plain.try_get_or_load(key, || text("A")).await.unwrap();
        coherent.try_get_or_load(key, || text("A")).await.unwrap();
    }
    for stats in [plain.stats(), coherent.stats()] {
        assert_eq!(
            (stats.redis_errors, stats.stored >= 10),
            (0, true),
            "{stats:?}"
        );
    }
}

#[tokio::test]
async fn everything_in_redis_expires() {
    let server = Server::start().await;
    let bus = connect(&server).await;
    let events = Texts::new(&bus);
    let plain = builder(&bus).load_lock(LONG).build().unwrap();
    let coherent = builder(&bus).evict_on(&events, evict).build().unwrap();
    let requests = Dedup::builder(&bus, "requests").ttl(LONG).build().unwrap();
    let absent = || async { Ok::<_, std::io::Error>(Loaded::absent("gone")) };
    plain.lookup_or_load("a", absent).await.unwrap();
    plain.insert("b", "B".to_owned()).await.unwrap();
    coherent.try_get_or_load("a", || text("A")).await.unwrap();
    coherent.lookup_or_load("b", absent).await.unwrap();
    let _ = requests.reserve("a", "Ada").await.unwrap();
    bus.audit().await.unwrap();
    let source = Source::held("C");
    let one = plain.try_get_or_load("c", || source.clone().load());
    let other = coherent.try_get_or_load("c", || source.clone().load());
    let admin = server.admin().await;
    let watch = async {
        let keys = async || admin.run::<Vec<String>>(&["KEYS", "*"]).await;
        // Four entries, a generation, two tokens, a reservation, the audit and the list of instances.
        let keys = eventually("both loads", keys, |keys| keys.len() == 10).await;
        for key in keys {
            assert!(admin.run::<i64>(&["PTTL", &key]).await > 0, "{key}");
        }
        source.release();
    };
    let (plain, coherent, ()) = tokio::join!(one, other, watch);
    assert_eq!(
        (plain.unwrap(), coherent.unwrap()),
        ("C".to_owned(), "C".to_owned())
    );
}

#[tokio::test]
async fn a_value_that_is_too_large_is_not_read_whole() {
    const HUGE: usize = 100 * 1024 * 1024;
    const MIB: usize = 1024 * 1024;
    let server = Server::start().await;
    let admin = server.admin().await;
    let sent = async || {
        let stats: String = admin.run(&["INFO", "stats"]).await;
        let sent = stats
            .lines()
            .find_map(|line| line.strip_prefix("total_net_output_bytes:"));
        sent.unwrap().parse::<usize>().unwrap()
    };
    let bus = connect(&server).await;
    let cache = builder(&bus).max_value_bytes(MIB).load_lock(LONG);
    let cache = cache.build().unwrap();
    let huge = (HUGE - 1).to_string();
    admin.run::<()>(&["SETRANGE", "texts:a", &huge, "x"]).await;
    let before = sent().await;
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.stats().undecodable, 1);
    assert_eq!(cache.try_get_or_load("a", || text("A")).await.unwrap(), "A");
    let read = sent().await - before;
    assert!(read < 4 * MIB, "{read} bytes");
    assert_eq!(cache.get("a").await.unwrap().as_deref(), Some("A"));
}
