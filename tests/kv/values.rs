//! Values and how long they live.

use std::time::Duration;

use cache_runtime::__private::{DeleteIf, Found, Keyspace, Seek};
use cache_runtime::bus::Cause;

use crate::backend::{Backend, LONG, SHORT, entry, found, gone};

pub(crate) async fn what_was_set_last_is_there(on: Backend) {
    assert_eq!(on.kv.get("key").await, Ok(None));
    assert_eq!(found(&on.kv, "key").await, Ok(None));
    on.kv.set("key", b"one", LONG).await.unwrap();
    on.kv.set("other", b"three", LONG).await.unwrap();
    on.kv.set("key", b"two", LONG).await.unwrap();
    assert_eq!(on.kv.get("key").await, Ok(Some(b"two".to_vec())));
    let Found { value, ttl, .. } = found(&on.kv, "key").await.unwrap().unwrap();
    assert_eq!(value, b"two");
    let ttl = ttl.expect("it expires");
    assert!(ttl <= LONG && ttl > LONG / 2, "{ttl:?}");
}

pub(crate) async fn any_bytes_and_any_key_will_do(on: Backend) {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let large = vec![b'x'; 3_000_000];
    for value in [&b""[..], b"\0", b"\r\n$5\r\n", &all, &large] {
        for key in ["", " ", "a key", "*[?]\\", "\"'\n\0", "grün:雪"] {
            on.kv.set(key, value, LONG).await.unwrap();
            let found = on.kv.get(key).await.unwrap();
            assert!(found.as_deref() == Some(value), "{key:?}");
            let deleted = on.kv.delete_if_equal(key, value).await;
            assert_eq!(deleted, Ok(DeleteIf::Deleted), "{key:?}");
        }
    }
    let long = "k".repeat(100_000);
    on.kv.set(&long, b"value", LONG).await.unwrap();
    assert_eq!(on.kv.get(&long).await, Ok(Some(b"value".to_vec())));
}

pub(crate) async fn what_has_expired_is_gone(on: Backend) {
    on.kv.set("key", b"value", SHORT).await.unwrap();
    gone(&on.kv, "key").await;
    assert_eq!(found(&on.kv, "key").await, Ok(None));
    assert_eq!(on.kv.delete(&["key"]).await, Ok(0));
    assert_eq!(
        on.kv.delete_if_equal("key", b"value").await,
        Ok(DeleteIf::Missing)
    );
}

pub(crate) async fn a_new_ttl_replaces_the_old_one(on: Backend) {
    on.kv.set("longer", b"1", SHORT).await.unwrap();
    on.kv.set("longer", b"2", LONG).await.unwrap();
    on.kv.set("shorter", b"1", LONG).await.unwrap();
    on.kv.set("shorter", b"2", SHORT).await.unwrap();
    gone(&on.kv, "shorter").await;
    assert_eq!(on.kv.get("longer").await, Ok(Some(b"2".to_vec())));
}

pub(crate) async fn any_ttl_will_do(on: Backend) {
    for ttl in [Duration::ZERO, Duration::from_nanos(1)] {
        on.kv.set("short", b"value", ttl).await.unwrap();
        gone(&on.kv, "short").await;
    }
    on.kv.set("long", b"value", Duration::MAX).await.unwrap();
    let found = found(&on.kv, "long").await.unwrap().unwrap();
    assert!(found.ttl.unwrap() > LONG * 24 * 366, "{found:?}");
}

pub(crate) async fn what_is_there_is_not_set_again(on: Backend) {
    assert_eq!(on.kv.set_if_absent("key", b"one", LONG).await, Ok(None));
    let other = on.kv.set_if_absent("key", b"two", SHORT).await;
    assert_eq!(other, Ok(Some(b"one".to_vec())));
    // The same value again, as if the command was sent twice.
    assert_eq!(on.kv.set_if_absent("key", b"one", SHORT).await, Ok(None));
    let ttl = found(&on.kv, "key").await.unwrap().unwrap().ttl;
    assert!(ttl > Some(LONG / 2), "{ttl:?}");
}

pub(crate) async fn what_has_expired_is_absent(on: Backend) {
    assert_eq!(on.kv.set_if_absent("key", b"one", SHORT).await, Ok(None));
    gone(&on.kv, "key").await;
    assert_eq!(on.kv.set_if_absent("key", b"two", LONG).await, Ok(None));
    assert_eq!(on.kv.get("key").await, Ok(Some(b"two".to_vec())));
}

pub(crate) async fn deleting_counts_what_was_there(on: Backend) {
    for key in ["a", "b", "c"] {
        on.kv.set(key, b"value", LONG).await.unwrap();
    }
    assert_eq!(on.kv.delete(&[]).await, Ok(0));
    assert_eq!(on.kv.delete(&["none"]).await, Ok(0));
    assert_eq!(on.kv.delete(&["a", "none", "b", "a"]).await, Ok(2));
    assert_eq!(on.kv.get("a").await, Ok(None));
    assert_eq!(on.kv.get("c").await, Ok(Some(b"value".to_vec())));
}

pub(crate) async fn any_number_is_deleted(on: Backend) {
    let keys: Vec<String> = (0..2500).map(|n| format!("key:{n}")).collect();
    for key in &keys {
        on.kv.set(key, b"value", LONG).await.unwrap();
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(on.kv.delete(&keys).await, Ok(2500));
    assert_eq!(on.kv.count("key:").await, Ok(0));
}

pub(crate) async fn only_an_equal_value_is_deleted(on: Backend) {
    let missing = on.kv.delete_if_equal("key", b"value").await;
    assert_eq!(missing, Ok(DeleteIf::Missing));
    on.kv.set("key", b"value", LONG).await.unwrap();
    for other in [&b"valu"[..], b"values", b"", b"VALUE"] {
        let kept = on.kv.delete_if_equal("key", other).await;
        assert_eq!(kept, Ok(DeleteIf::Other(b"value".to_vec())));
    }
    let deleted = on.kv.delete_if_equal("key", b"value").await;
    assert_eq!(deleted, Ok(DeleteIf::Deleted));
    assert_eq!(on.kv.get("key").await, Ok(None));
}

pub(crate) async fn only_a_value_that_begins_so_is_deleted(on: Backend) {
    let missing = on.kv.delete_if_starts_with("key", b"").await;
    assert_eq!(missing, Ok(DeleteIf::Missing));
    on.kv.set("key", b"\xFFvalue", LONG).await.unwrap();
    for other in [&b"value"[..], b"\xFFvalue!", b"\xFFV"] {
        let kept = on.kv.delete_if_starts_with("key", other).await;
        assert_eq!(kept, Ok(DeleteIf::Other(b"\xFFvalue".to_vec())));
    }
    let deleted = on.kv.delete_if_starts_with("key", b"\xFFval").await;
    assert_eq!(deleted, Ok(DeleteIf::Deleted));
    assert_eq!(on.kv.get("key").await, Ok(None));
}

pub(crate) async fn instances_share_what_they_keep(on: Backend) {
    let bus = on.another().await;
    on.kv.set("key", b"value", LONG).await.unwrap();
    assert_eq!(
        Keyspace::new(&bus).get("key").await,
        Ok(Some(b"value".to_vec()))
    );
    Keyspace::new(&bus).delete(&["key"]).await.unwrap();
    assert_eq!(on.kv.get("key").await, Ok(None));
}

pub(crate) async fn a_closed_instance_refuses_and_others_go_on(on: Backend) {
    let bus = on.another().await;
    on.kv.set("key", b"value", LONG).await.unwrap();
    on.bus.close().await;
    let (kv, closed) = (&on.kv, Some(Cause::Closed));
    assert_eq!(kv.get("key").await.err(), closed);
    assert_eq!(found(kv, "key").await.err(), closed);
    assert_eq!(kv.set("key", b"", LONG).await.err(), closed);
    assert_eq!(kv.set_if_absent("key", b"", LONG).await.err(), closed);
    assert_eq!(kv.delete(&["key"]).await.err(), closed);
    assert_eq!(kv.delete(&[]).await.err(), closed);
    assert_eq!(kv.delete_if_equal("key", b"").await.err(), closed);
    assert_eq!(kv.count("").await.err(), closed);
    let exchanged = kv.exchange_records("me", b"", LONG, 9).await;
    assert_eq!(exchanged.err(), closed);
    assert_eq!(kv.lookup(&entry("a")).await.err(), closed);
    let acquired = kv.acquire(&entry("a"), Seek::Missing, LONG).await;
    assert_eq!(acquired.err(), closed);
    assert_eq!(kv.evict(&[entry("a")]).await.err(), closed);
    assert_eq!(kv.delete(&["cache:g"]).await.err(), closed);

    let other = cache_runtime::__private::Keyspace::new(&bus);
    assert_eq!(other.get("key").await, Ok(Some(b"value".to_vec())));
}
