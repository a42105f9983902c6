//! Audits across instances.

use cache_runtime::audit::Audit;
use cache_runtime::audit::{AuditError, Risk};
use cache_runtime::bus::Cause;
use cache_runtime::{Bus, TtlCache, cache_invalidation};
use support::{Admin, Child, Server, role};

use crate::{TTL, UserEvent, builder, coherent, flags, rows, texts};

#[cache_invalidation(channel = "audit:elsewhere", event = UserEvent)]
struct Elsewhere;

fn cache(name: &str) -> TtlCache<u32, u32> {
    TtlCache::builder(name, TTL).build().unwrap()
}

fn flags_in(audit: &Audit, name: &str) -> Vec<String> {
    let found = rows(audit, name);
    assert_eq!(found.len(), 1, "{found:#?}");
    texts(&found[0])
}

const URL: &str = "URL";
const KEY: &str = "cache-runtime:audit";

/// The other process: audits at once, and once more when it reads a line.
async fn the_other() {
    let url = std::env::var(URL).unwrap();
    let bus = builder(&url).name("the-other").connect().await.unwrap();
    let users = Elsewhere::new(&bus);
    let _renamed =
        cache_runtime::CoherentCache::<String, u32>::builder("peers-renamed", crate::TTL)
            .evict_on(&users, |_event| cache_runtime::Evict::All)
            .build()
            .unwrap();
    bus.ready().await.unwrap();
    users.invalidate_renamed("1").await.unwrap();
    let _caches = (cache("peers-shared"), cache("peers-others"));
    let audit = bus.audit().await.unwrap();
    println!("flags: {:?}", flags_in(&audit, "peers-shared"));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let audit = bus.audit().await.unwrap();
    println!("flags: {:?}", flags_in(&audit, "peers-shared"));
    println!("flags: {:?}", flags_in(&audit, "peers-others"));
}

#[tokio::test]
async fn processes_see_each_other() {
    if role().is_some() {
        return the_other().await;
    }
    let server = Server::start().await;
    let url = server.url();
    let bus = builder(&url).name("the-one").connect().await.unwrap();
    let _caches = (cache("peers-shared"), cache("peers-own"));
    let users = Elsewhere::new(&bus);
    let _names = coherent("peers-names", &users);
    bus.ready().await.unwrap();
    users.invalidate_renamed("1").await.unwrap();
    // A process never sees its own record, not even through another bus.
    for bus in [&bus, &bus, &builder(&url).connect().await.unwrap()] {
        let audit = bus.audit().await.unwrap();
        assert_eq!(flags_in(&audit, "peers-shared"), [""; 0]);
        assert_eq!(
            flags_in(&audit, "audit:elsewhere").len(),
            1,
            "nothing evicts on `renamed`"
        );
    }

    let mut other = Child::same_test("peers::processes_see_each_other", "other", &[(URL, &url)]);
    let seen = other.says("flags: ").await;
    let text = |name: &str| {
        format!(
            "minor: peers-shared: other instances have a TTL cache of this name: `{name}` (just \
             now); their values may differ for up to 30 s. Take a `CoherentCache` if that is \
             wrong, and another name if they hold different things"
        )
    };
    // The other process has found the record of this one.
    assert!(
        seen.contains("(just now); their values may differ"),
        "{seen}"
    );
    let audit = bus.audit().await.unwrap();
    assert_eq!(flags_in(&audit, "peers-shared"), [text("the-other")]);
    assert_eq!(rows(&audit, "peers-shared")[0].flags[0].risk, Risk::Minor);
    assert_eq!(flags_in(&audit, "peers-own"), [""; 0]);
    // A cache of the other process evicts on `renamed`.
    assert_eq!(flags_in(&audit, "audit:elsewhere"), [""; 0]);
    // `audit()` covers this process only.
    assert_eq!(flags("peers-shared"), [""; 0]);

    other.tell("again").await;
    let seen = other.says("flags: ").await;
    assert!(seen.contains("`the-one`"), "{seen}");
    let seen = other.says("flags: ").await;
    assert_eq!(seen, "flags: []");
}

#[tokio::test]
async fn instances_in_one_process_have_the_same_caches() {
    let bus = Bus::in_process();
    let other = bus.another_instance();
    let first = cache("peers-clones");
    for bus in [&bus, &other, &bus] {
        let audit = bus.audit().await.unwrap();
        assert_eq!(flags_in(&audit, "peers-clones"), [""; 0]);
    }
    // One cache for each instance, as in another process.
    let second = cache("peers-clones");
    let audit = other.audit().await.unwrap();
    let both = rows(&audit, "peers-clones");
    assert_eq!(both.len(), 2);
    assert!(both.iter().all(|row| row.flags.len() == 1), "{both:#?}");
    drop((first, second));
}

#[tokio::test]
async fn rejected_records_are_passed_over() {
    let server = Server::start().await;
    let admin = Admin::connect(&server.url()).await.unwrap();
    let bus = builder(&server.url()).connect().await.unwrap();
    let _cache = cache("peers-odd");
    let (now, _): (u64, u64) = admin.run(&["TIME"]).await;
    let written = (now - 10 * 60) * 1000;
    for (process, record) in [
        ("a", "no json"),
        ("b", "{}"),
        ("c", r#"{"instance":"c","ttlCaches":[1],"evicts":{}}"#),
        (
            "d",
            r#"{"instance":"odd\u001b[31m","ttlCaches":["peers-odd"],"evicts":{}}"#,
        ),
    ] {
        let record = format!("{written}:{record}");
        admin.run::<()>(&["HSET", KEY, process, &record]).await;
    }
    let audit = bus.audit().await.unwrap();
    let found = flags_in(&audit, "peers-odd");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains(r": `odd\u{1b}[31m` (10 min ago); "),
        "{found:?}"
    );
    // Rejected records may be of another version, so they stay.
    assert_eq!(admin.run::<u64>(&["HLEN", KEY]).await, 5);
}

#[tokio::test]
async fn of_too_many_records_the_oldest_are_dropped() {
    let server = Server::start().await;
    let admin = Admin::connect(&server.url()).await.unwrap();
    let bus = builder(&server.url()).connect().await.unwrap();
    let (now, _): (u64, u64) = admin.run(&["TIME"]).await;
    let records =
        (1..=1024).flat_map(|age| [age.to_string(), format!("{}:{{}}", (now - age) * 1000)]);
    let records: Vec<_> = records.collect();
    let mut written = vec!["HSET", KEY];
    written.extend(records.iter().map(String::as_str));
    admin.run::<()>(&written).await;
    bus.audit().await.unwrap();
    assert_eq!(admin.run::<u64>(&["HLEN", KEY]).await, 1024, "with its own");
    for (age, is_left) in [("1", true), ("1023", true), ("1024", false)] {
        assert_eq!(
            admin.run::<bool>(&["HEXISTS", KEY, age]).await,
            is_left,
            "{age}"
        );
    }
}

#[tokio::test]
async fn a_namespace_has_records_of_its_own() {
    let server = Server::start().await;
    let admin = Admin::connect(&server.url()).await.unwrap();
    let bus = builder(&server.url()).namespace("prod").connect().await;
    bus.unwrap().audit().await.unwrap();
    let keys: Vec<String> = admin.run(&["KEYS", "*"]).await;
    assert_eq!(keys, [format!("prod:{KEY}")]);
}

#[tokio::test]
async fn without_a_server_it_fails() {
    let mut server = Server::start().await;
    let bus = builder(&server.url()).connect().await.unwrap();
    server.kill9();
    let error: AuditError = bus.audit().await.unwrap_err();
    assert!(
        format!("{error:#}")
            .starts_with("other instances could not be asked for their caches: the "),
        "{error}"
    );
    bus.close().await;
    let error = bus.audit().await.unwrap_err();
    assert_eq!(error.cause(), &Cause::Closed);
    assert_eq!(
        format!("{error:#}"),
        "other instances could not be asked for their caches: the bus is closed"
    );
}

#[tokio::test]
async fn what_the_message_allows_is_enough_and_needed() {
    let server = Server::start().await;
    let admin = Admin::connect(&server.url()).await.unwrap();
    let url = server.allow_app("+hello +client").await;
    let bus = builder(&url).connect().await.unwrap();
    let refused = async || {
        let error = bus.audit().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Refused(_)), "{error:?}");
        format!("{error:#}")
    };
    let message = refused().await;
    let (_, rules) = message.split_once("ACL SETUSER app ").unwrap();
    assert!(rules.ends_with(" ~cache-runtime:audit"), "{rules}");
    let enough = format!("+hello +client {rules}");
    server.allow_app(&enough).await;
    bus.audit().await.unwrap();

    for rule in rules.split(' ') {
        server.allow_app(&enough).await;
        // Otherwise the server knows the script, and `EVALSHA` alone would suffice.
        if rule == "+eval" {
            admin.run::<()>(&["SCRIPT", "FLUSH"]).await;
        }
        let forbidden = match rule.strip_prefix('+') {
            Some(command) => format!("-{command}"),
            None => "resetkeys".to_owned(),
        };
        admin
            .run::<()>(&["ACL", "SETUSER", "app", &forbidden])
            .await;
        let message = refused().await;
        assert!(message.ends_with(rules), "{rule}: {message}");
    }
}
