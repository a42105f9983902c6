//! Every public error: its text, and the chain of its sources, as `anyhow` prints it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use cache_runtime::cache::LoadTimedOut;
use cache_runtime::redis::{LoadError, Loaded, WhileDown};
use cache_runtime::service::{ConfirmError, PublishError};
use cache_runtime::transactional_outbox::{AddError, sqlite};
use cache_runtime::{
    Bus, CoherentCache, Dedup, Evict, InvalidationEvent, RedisCache, RedisCooldown, Services,
    TtlCache, cache_invalidation, export,
};
use support::Server;

const LONG: Duration = Duration::from_secs(3600);

#[derive(Debug, InvalidationEvent)]
enum UserEvent {
    User { user_id: String },
    Level { level: f64 },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
#[derive(Debug)]
struct Users;

/// Asserts the text of each error in the chain, and that a report prints each once.
#[track_caller]
fn chain(error: impl Error + Send + Sync + 'static, expected: &[&str]) {
    let alternate = format!("{error:#}");
    let error = anyhow::Error::new(error);
    let texts: Vec<String> = error.chain().map(ToString::to_string).collect();
    assert_eq!(texts, expected);
    let report = format!("{error:#}");
    assert_eq!(report, expected.join(": "));
    assert_eq!(alternate, report, "`{{:#}}` of the error itself");
    for text in expected {
        assert_eq!(report.matches(text).count(), 1, "{text}: {report}");
    }
}

async fn closed() -> Bus {
    let bus = Bus::in_process();
    bus.close().await;
    bus
}

#[test]
fn connecting() {
    chain(
        Bus::local().namespace("a b").connect_lazy().unwrap_err(),
        &[
            "the bus could not be connected",
            "unusable setting: namespace \"a b\": expected letters, digits, `:`, `-`, `_`, `.`",
        ],
    );
    chain(
        Bus::redis("redis://u:12#34@host")
            .connect_lazy()
            .unwrap_err(),
        &[
            "the bus could not be connected",
            "unusable setting: address: the user name or the password contains `#`; \
             percent-encode it, as `%23`",
        ],
    );
}

#[tokio::test]
async fn becoming_live() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let _guard = users.subscribe(|_| ());
    bus.close().await;
    chain(
        users.ready().await.unwrap_err(),
        &["channel `cache:users` is not live", "the bus is closed"],
    );
    chain(
        bus.ready().await.unwrap_err(),
        &["the bus is not live", "the bus is closed"],
    );
    chain(bus.check().await.unwrap_err(), &["the bus is closed"]);
}

#[tokio::test]
async fn publishing() {
    let users = Users::new(&closed().await);
    chain(
        users.invalidate_user("1").await.unwrap_err(),
        &[
            "the event for channel `cache:users` is refused and will not be sent",
            "the bus is closed",
        ],
    );
    chain(
        users
            .publish_all([UserEvent::All, UserEvent::All])
            .await
            .unwrap_err(),
        &[
            "2 of 2 events failed, first number 1",
            "the event for channel `cache:users` is refused and will not be sent",
            "the bus is closed",
        ],
    );
    let bus = Bus::local().max_payload(20).connect_lazy().unwrap();
    let users = Users::new(&bus);
    chain(
        users.invalidate_user("1".repeat(20)).await.unwrap_err(),
        &[
            "the event for channel `cache:users` is refused and will not be sent: the payload has 47 \
             bytes, and `max_payload` allows 20",
        ],
    );
    chain(
        users.invalidate_level(f64::NAN).await.unwrap_err(),
        &[
            "the event for channel `cache:users` is refused and will not be sent",
            "cannot write `UserEvent::Level`: field `level` is null in JSON, which no receiver \
             accepts",
        ],
    );
}

#[tokio::test]
async fn confirming() {
    let bus = closed().await;
    let users = Users::new(&bus);
    let error = users.invalidate_user("1").confirmed().await.unwrap_err();
    chain(
        error,
        &[
            "not confirmed",
            "the event for channel `cache:users` is refused and will not be sent",
            "the bus is closed",
        ],
    );
    let error = bus.settled().await.unwrap_err();
    let expected = [
        "it is not known whether every instance has applied the event",
        "the bus is closed",
    ];
    chain(error.clone(), &expected);
    chain(
        ConfirmError::<PublishError>::Settle(error),
        &["published, but not confirmed", expected[0], expected[1]],
    );
}

#[tokio::test]
async fn an_eviction_in_redis_that_failed_names_every_cache() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url()).connect().await.unwrap();
    let users = Users::new(&bus);
    let cache = |name| {
        RedisCache::<String>::builder(&bus, name, LONG)
            .evict_on(&users, |event| match event {
                UserEvent::User { user_id } => Evict::key(user_id),
                UserEvent::Level { .. } => Evict::Nothing,
                UserEvent::All => Evict::All,
            })
            .build()
            .unwrap()
    };
    let names: Vec<String> = (0..10).map(|n| format!("names-{n}")).collect();
    let caches: Vec<_> = names.iter().map(|name| cache(name.clone())).collect();
    let admin = server.admin().await;
    for rule in ["-del", "-unlink"] {
        admin.run::<()>(&["ACL", "SETUSER", "default", rule]).await;
    }
    let error = users.invalidate_user("1").await.unwrap_err();
    let not_evicted: BTreeSet<_> = error.not_evicted().map(|(cache, _)| cache).collect();
    assert_eq!(not_evicted, names.iter().map(String::as_str).collect());
    let text = error.to_string();
    assert!(
        text.starts_with("published to channel `cache:users`, but caches `names-")
            && text.ends_with("` and 2 more could not evict in Redis"),
        "{text}"
    );
    let cause = error.cause().expect("Redis is the cause").clone();
    assert_eq!(format!("{error:#}"), format!("{text}: {cause}"));
    drop(caches);
}

#[tokio::test]
async fn caches() {
    let bus = closed().await;
    chain(
        TtlCache::<u64, u64>::builder("", LONG).build().unwrap_err(),
        &[
            "cache `` cannot be built: name \"\": expected at least one character, and none that \
             is invisible",
        ],
    );
    let dedup = Dedup::builder(&bus, "requests").build().unwrap();
    chain(
        dedup.reserve("1", "bot").await.unwrap_err(),
        &[
            "key \"1\" of dedup `requests` could not be reserved",
            "the bus is closed",
        ],
    );
    let cooldown = RedisCooldown::builder(&bus, "notified", LONG).build();
    chain(
        cooldown.unwrap().try_start("ada").await.unwrap_err(),
        &[
            "cooldown `notified` of key \"ada\" could not be started",
            "the bus is closed",
        ],
    );
    let cache = RedisCache::<String>::builder(&bus, "texts", LONG)
        .while_down(WhileDown::Fail)
        .build()
        .unwrap();
    chain(
        cache.get("a").await.unwrap_err(),
        &[
            "an entry of cache `texts` could not be read",
            "the bus is closed",
        ],
    );
    let load = async || Ok::<_, Infallible>(String::new());
    chain(
        cache.try_get_or_load("a", load).await.unwrap_err(),
        &[
            "Redis is away, and the cache is set not to load without it",
            "an entry of cache `texts` could not be read",
            "the bus is closed",
        ],
    );
    chain(
        bus.audit().await.unwrap_err(),
        &[
            "other instances could not be asked for their caches",
            "the bus is closed",
        ],
    );
}

#[derive(Debug)]
struct Provider(io::Error);

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the provider did not answer")
    }
}

impl Error for Provider {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn loading_keeps_the_errors_of_the_loader() {
    let cache = RedisCache::<String>::builder(&Bus::in_process(), "texts", LONG)
        .max_value_bytes(7)
        .build()
        .unwrap();
    let load = async || Err::<String, _>(Provider(io::Error::other("the line is cut")));
    let error = cache.try_get_or_load("a", load).await.unwrap_err();
    chain(
        error.clone(),
        &[
            "the loader failed",
            "the provider did not answer",
            "the line is cut",
        ],
    );
    let error = anyhow::Error::new(error);
    assert!(error.chain().any(<dyn Error>::is::<io::Error>));

    let load = async || Ok::<Loaded<String>, Infallible>(Loaded::absent("deleted"));
    cache.lookup_or_load("b", load).await.unwrap();
    let load = async || Ok::<_, Infallible>(String::new());
    let error = cache.try_get_or_load("b", load).await.unwrap_err();
    assert!(matches!(error, LoadError::Absent { .. }));
    chain(
        error,
        &["cache `texts` knows that there is no value: deleted"],
    );
    chain(
        cache.insert("c", "too long".to_owned()).await.unwrap_err(),
        &[
            "an entry of cache `texts` could not be stored: it has 10 bytes, and \
             `max_value_bytes` allows 7",
        ],
    );
}

#[tokio::test]
async fn a_load_that_takes_too_long() {
    let cache = TtlCache::<u8, u8>::builder("slow", LONG)
        .load_timeout(Duration::from_millis(1), |late| late)
        .build()
        .unwrap();
    let never = async || std::future::pending::<Result<u8, LoadTimedOut>>().await;
    let late = cache.try_get_or_load(&1, never).await.unwrap_err();
    let expected = ["a load of cache `slow` was given up: it took longer than 1ms"];
    chain(LoadTimedOut::clone(&late), &expected);
}

#[tokio::test]
async fn storing_a_load() {
    let users = Users::new(&Bus::in_process());
    let cache = CoherentCache::<String, bool>::builder("users", LONG)
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id),
            UserEvent::Level { .. } => Evict::Nothing,
            UserEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    users.ready().await.unwrap();
    let token = cache.begin_load("1");
    users.invalidate_user("1").await.unwrap();
    chain(
        token.store(true).unwrap_err(),
        &["not stored: the entry was, or may have been, evicted after the load had begun"],
    );
}

#[test]
fn events() {
    chain(
        UserEvent::decode(b"{\"type\":\"guest\"}").unwrap_err(),
        &["unknown event type \"guest\", expected one of \"user\", \"level\", \"all\""],
    );
    let unwritable = UserEvent::Level { level: f64::NAN };
    chain(
        unwritable.encode().unwrap_err(),
        &[
            "cannot write `UserEvent::Level`: field `level` is null in JSON, which no receiver \
             accepts",
        ],
    );
}

#[test]
fn services() {
    let services = Services::new();
    let missing = services.get::<u8>().unwrap_err();
    let text = missing.to_string();
    assert!(text.starts_with("service `u8` is not registered"), "{text}");
    chain(missing, &[&text]);
    services.register(1u8).unwrap();
    let twice = services.register(2u8).unwrap_err();
    let text = twice.to_string();
    assert!(text.starts_with("service `u8` is registered"), "{text}");
    chain(twice, &[&text]);
}

#[test]
fn adding_to_an_outbox() {
    let users = Users::new(&Bus::in_process());
    let mut database = rusqlite::Connection::open_in_memory().unwrap();
    chain(
        sqlite::add(&database, &users, &UserEvent::All).unwrap_err(),
        &[
            "the event could not be added to the outbox: the connection is not in a transaction; \
             begin one for it and the change",
        ],
    );
    let transaction = database.transaction().unwrap();
    let unwritable = UserEvent::Level { level: f64::NAN };
    chain(
        sqlite::add(&transaction, &users, &unwritable).unwrap_err(),
        &[
            "the event could not be added to the outbox",
            "the event for channel `cache:users` is refused and will not be sent",
            "cannot write `UserEvent::Level`: field `level` is null in JSON, which no receiver \
             accepts",
        ],
    );
    let error = sqlite::add(&transaction, &users, &UserEvent::All).unwrap_err();
    assert!(matches!(error, AddError::Database(_)), "{error:?}");
}

#[test]
fn exporting_a_contract() {
    #[derive(InvalidationEvent)]
    enum Event {
        Changed { id: uuid::Uuid },
        All,
    }
    let error = export::Contract::of::<Event>().unwrap_err();
    let text = error.to_string();
    chain(error, &[&text]);
    assert!(
        text.starts_with("cannot export `Event::Changed`: "),
        "{text}"
    );
}

/// The types that the tests above cover.
const COVERED: [&str; 20] = [
    "AddError",
    "AlreadyRegistered",
    "AuditError",
    "BuildError",
    "Cause",
    "ConfirmError",
    "ConnectError",
    "DedupError",
    "EncodeError",
    "ExportError",
    "LoadError",
    "LoadTimedOut",
    "MissingService",
    "NotReady",
    "NotSettled",
    "NotStored",
    "PublishAllError",
    "PublishError",
    "RedisCacheError",
    "RedisCooldownError",
];

#[test]
fn no_error_type_is_left_out() {
    let mut found = BTreeSet::new();
    find(Path::new("cache-runtime/src"), &mut found);
    let covered = COVERED.into_iter().chain(["Rejection"]);
    assert_eq!(found, covered.map(str::to_owned).collect());
}

/// Adds the names of the public types that implement `Error`.
fn find(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of the crate") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            find(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let implemented = text.lines().filter(|line| line.starts_with("impl"));
        found.extend(implemented.filter_map(|line| {
            let (_, name) = line.split_once("Error for ")?;
            let name = name.split(['<', ' ']).next()?;
            let public = ["struct", "enum"].map(|kind| format!("pub {kind} {name}"));
            (public.iter().any(|public| text.contains(public))).then(|| name.to_owned())
        }));
    }
}
