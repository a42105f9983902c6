//! What only a server can do: forget scripts, hold other types, be down.

use std::time::Duration;

use cache_runtime::__private::{Acquired, DeleteIf, EntryKeys, Filled, Keyspace, Seek, Stored};
use cache_runtime::Bus;
use cache_runtime::bus::Cause;
use support::{Server, eventually, within};

use crate::backend::{LONG, bare, entry, found};
use crate::tokens::{token, value};

pub(crate) async fn connect(url: &str) -> Bus {
    let builder = Bus::redis(url).namespace("prod").name("app");
    builder.connect().await.expect("the server is running")
}

/// The keyspace of a bus that waits for an answer for an hour.
pub(crate) async fn patient(url: &str) -> Keyspace {
    let bus = Bus::redis(url).name("app").response_timeout(LONG);
    Keyspace::new(&bus.connect().await.expect("the server is running"))
}

/// Runs every operation, and checks its result.
pub(crate) async fn all_operations(kv: &Keyspace) -> Result<(), Cause> {
    kv.set("a:1", b"value", LONG).await?;
    assert!(kv.get("a:1").await?.is_some());
    assert!(found(kv, "a:1").await?.is_some());
    assert!(kv.set_if_absent("a:1", b"other", LONG).await?.is_some());
    assert_eq!(kv.count("a:").await?, 1);
    assert_eq!(
        kv.delete_if_starts_with("a:1", b"v").await?,
        DeleteIf::Deleted
    );
    assert_eq!(kv.delete(&["a:1"]).await?, 0);
    for names in [bare("x"), entry("x")].map(|names| in_namespace(kv, names)) {
        let Acquired::Token(token) = kv.acquire(&names, Seek::Missing, LONG).await? else {
            panic!("nobody else is there");
        };
        assert_eq!(kv.fill(&token, b"value", LONG).await?, Filled::Stored);
        kv.give_up(&token).await?;
        assert!(kv.lookup(&names).await?.is_some());
        if matches!(names.stored, Stored::Bare { .. }) {
            kv.put(&names, b"other", LONG).await?;
        }
        kv.delete(&["cache:g"]).await?;
        kv.evict(&[names]).await?;
    }
    Ok(())
}

/// The same keys in the namespace of the bus.
fn in_namespace(kv: &Keyspace, names: EntryKeys) -> EntryKeys {
    EntryKeys {
        value: kv.full(&names.value),
        token: kv.full(&names.token),
        stored: match names.stored {
            Stored::Bare { absence } => Stored::Bare {
                absence: kv.full(&absence),
            },
            Stored::Sealed { generation, group } => Stored::Sealed {
                generation: kv.full(&generation),
                group: group.map(|group| kv.full(&group)),
            },
        },
        ..names
    }
}

#[tokio::test]
async fn keys_are_under_the_namespace() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = connect(&server.url()).await;
    Keyspace::new(&bus)
        .set("a:1", b"value", LONG)
        .await
        .unwrap();
    admin.run::<()>(&["SET", "a:2", "", "PX", "99999"]).await;
    admin
        .run::<()>(&["SET", "test:a:3", "", "PX", "99999"])
        .await;
    assert_eq!(admin.run::<String>(&["GET", "prod:a:1"]).await, "value");
    assert_eq!(Keyspace::new(&bus).count("").await, Ok(1));
    assert_eq!(Keyspace::new(&bus).delete(&["a:1", "a:2"]).await, Ok(1));
}

#[tokio::test]
async fn scripts_are_sent_again_to_a_server_that_forgot_them() {
    let mut server = Server::start().await;
    let kv = patient(&server.url()).await;
    all_operations(&kv).await.unwrap();
    let flush = server.admin().await;
    flush.run::<()>(&["SCRIPT", "FLUSH"]).await;
    all_operations(&kv).await.unwrap();
    server.restart().await;
    // The first operation may fail on the old connection.
    let operations = async || all_operations(&kv).await;
    let done = eventually("the new server to serve", operations, Result::is_ok).await;
    done.unwrap();
}

#[tokio::test]
async fn a_known_script_is_sent_by_its_hash() {
    let server = Server::start().await;
    let (admin, kv) = (server.admin().await, patient(&server.url()).await);
    for _ in 0..5 {
        kv.delete_if_equal("key", b"value").await.unwrap();
    }
    assert_eq!(admin.calls("eval").await, 1);
    // The first `EVALSHA` failed, because the script was not known.
    assert_eq!(admin.calls("evalsha").await, 5);
}

#[tokio::test]
async fn another_type_is_an_error_and_stays() {
    let server = Server::start().await;
    let (admin, kv) = (server.admin().await, patient(&server.url()).await);
    admin.run::<()>(&["RPUSH", "key", "element"]).await;
    for error in [
        kv.get("key").await.unwrap_err(),
        found(&kv, "key").await.unwrap_err(),
        kv.set_if_absent("key", b"", LONG).await.unwrap_err(),
        kv.delete_if_equal("key", b"").await.unwrap_err(),
    ] {
        assert!(matches!(error, Cause::Server(_)), "{error:?}");
        assert!(format!("{error:#}").contains("WRONGTYPE"), "{error}");
    }
    assert_eq!(admin.run::<u64>(&["LLEN", "key"]).await, 1);
}

#[tokio::test]
async fn what_others_write_is_read() {
    let server = Server::start().await;
    let (admin, kv) = (server.admin().await, patient(&server.url()).await);
    admin.run::<()>(&["SET", "a:1", "forever"]).await;
    let found = found(&kv, "a:1").await.unwrap().unwrap();
    assert_eq!((&*found.value, found.ttl), (&b"forever"[..], None));
    // A key that is not UTF-8 counts too.
    let binary = "redis.call('SET', 'a:\\255', '')";
    admin.run::<()>(&["EVAL", binary, "0"]).await;
    assert_eq!(kv.count("a:").await, Ok(2));
    admin.run::<()>(&["FLUSHALL"]).await;
    assert_eq!(kv.get("a:1").await, Ok(None));
}

/// Even a command that must not be sent twice succeeds afterwards.
#[tokio::test]
async fn an_idle_connection_may_be_closed() {
    let server = Server::start().await;
    let (admin, kv) = (server.admin().await, patient(&server.url()).await);
    let elsewhere = Server::start().await;
    let others = patient(&elsewhere.url()).await;
    for round in 0..20u8 {
        kv.set("key", &[round], LONG).await.unwrap();
        // That for publishing, and that for values.
        assert_eq!(
            admin.kill_clients("normal").await,
            if round == 0 { 2 } else { 1 }
        );
        // One thread receives the end of the connection and then these answers, in this order. When it
        // receives the second answer, it has handled what came before the first.
        for _ in 0..2 {
            assert_eq!(others.get("key").await, Ok(None));
        }
    }
    assert_eq!(kv.get("key").await, Ok(Some(vec![19])));
}

#[tokio::test]
async fn an_outage_is_an_error_and_passes() {
    let mut server = Server::start().await;
    let builder = Bus::redis(server.url()).response_timeout(Duration::from_millis(100));
    let bus = builder.connect().await.unwrap();
    let kv = Keyspace::new(&bus);
    let a = entry("a");
    let held = token(&kv, &a).await;

    server.freeze();
    let error = kv.get("key").await.unwrap_err();
    assert!(matches!(error, Cause::Timeout(_)), "{error:?}");
    let error = kv.set_if_absent("key", b"", LONG).await.unwrap_err();
    assert!(matches!(error, Cause::Timeout(_)), "{error:?}");
    server.thaw();
    let fill = async || kv.fill(&held, b"value", LONG).await;
    let filled = eventually("an answer", fill, Result::is_ok).await;
    // A fill without an answer may have been executed.
    assert!(
        matches!(filled, Ok(Filled::Stored | Filled::Gone)),
        "{filled:?}"
    );

    server.kill9();
    let lookup = async || kv.lookup(&a).await;
    let unreachable = |found: &Result<_, _>| matches!(found, Err(Cause::Unreachable(_)));
    eventually("to be told", lookup, unreachable)
        .await
        .unwrap_err();
    server.restart().await;
    let found = eventually("an answer", lookup, Result::is_ok).await;
    assert_eq!(found, Ok(None));
    // A token of the old server must not fill an entry on the new one.
    assert_eq!(kv.fill(&held, b"old", LONG).await, Ok(Filled::Gone));
    let held = token(&kv, &a).await;
    assert_eq!(kv.fill(&held, b"new", LONG).await, Ok(Filled::Stored));
    assert_eq!(value(&kv, &a).await.unwrap(), b"new");
}

#[tokio::test]
async fn closing_ends_what_waits_for_an_answer() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url()).response_timeout(LONG);
    let bus = bus.connect().await.unwrap();
    server.freeze();
    let (key_values, close) = (Keyspace::new(&bus), async {
        tokio::task::yield_now().await;
        bus.close().await;
    });
    let get = key_values.get("key");
    let both = Box::pin(async { tokio::join!(get, close) });
    let (answer, ()) = within("the end", both).await;
    assert_eq!(answer, Err(Cause::Closed));
}
