//! Groups of entries: an eviction of one ends its generation, and not that of the cache.

use std::slice;

use cache_runtime::__private::{Acquired, Filled, Keyspace, Seek};

use crate::backend::{Backend, LONG, SHORT, entry, found, gone, grouped};
use crate::tokens::{load, token, value};

pub(crate) async fn an_ended_one_bars_the_fills_of_its_entries_only(on: Backend) {
    let kv = &on.kv;
    let (a, b, alone) = (grouped("a", "1"), grouped("b", "2"), entry("c"));
    let (late, other) = (token(kv, &a).await, token(kv, &b).await);
    let ungrouped = token(kv, &alone).await;
    assert_eq!(kv.delete(&["cache:g:1"]).await, Ok(1));
    // The next load does not wait for one that can no longer fill.
    let held = token(kv, &a).await;
    let busy = kv.acquire(&a, Seek::Missing, LONG).await;
    assert_eq!(busy, Ok(Acquired::Busy));
    assert_eq!(kv.fill(&late, b"old", LONG).await, Ok(Filled::Taken));
    assert_eq!(kv.fill(&held, b"new", LONG).await, Ok(Filled::Stored));
    assert_eq!(kv.fill(&late, b"old", LONG).await, Ok(Filled::Gone));
    assert_eq!(kv.fill(&other, b"b", LONG).await, Ok(Filled::Stored));
    assert_eq!(kv.fill(&ungrouped, b"c", LONG).await, Ok(Filled::Stored));
    for (names, expected) in [(&a, "new"), (&b, "b"), (&alone, "c")] {
        assert_eq!(value(kv, names).await.unwrap(), expected.as_bytes());
    }
    // Nobody has taken another token meanwhile.
    let late = refresh(kv, &a).await;
    kv.delete(&["cache:g:1"]).await.unwrap();
    assert_eq!(kv.fill(&late, b"old", LONG).await, Ok(Filled::Gone));
    assert_eq!(kv.lookup(&a).await, Ok(None));
    // The generation of the cache ends that of every group.
    let late = refresh(kv, &b).await;
    kv.delete(&["cache:g"]).await.unwrap();
    assert_eq!(kv.fill(&late, b"old", LONG).await, Ok(Filled::Gone));
    assert_eq!(kv.lookup(&b).await, Ok(None));
}

async fn refresh(
    kv: &Keyspace,
    names: &cache_runtime::__private::EntryKeys,
) -> cache_runtime::__private::Token {
    match kv.acquire(names, Seek::Refresh, LONG).await.unwrap() {
        Acquired::Token(token) => token,
        other => panic!("{names:?}: expected a token, got {other:?}"),
    }
}

pub(crate) async fn an_ended_one_is_unreachable(on: Backend) {
    let (kv, a, b) = (&on.kv, grouped("a", "1"), grouped("b", "1"));
    let other = grouped("c", "2");
    for names in [&a, &b, &other] {
        load(kv, names, b"old").await;
    }
    let old = kv.get("cache:v:a").await.unwrap().unwrap();
    kv.delete(&["cache:g:1"]).await.unwrap();
    assert_eq!(kv.lookup(&a).await, Ok(None));
    load(kv, &b, b"new").await;
    assert_eq!(kv.lookup(&a).await, Ok(None));
    assert_eq!(value(kv, &b).await.unwrap(), b"new");
    assert_eq!(value(kv, &other).await.unwrap(), b"old");
    load(kv, &a, b"new").await;
    assert_eq!(value(kv, &a).await.unwrap(), b"new");
    // Nor if it is there again.
    kv.set("cache:v:a", &old, LONG).await.unwrap();
    assert_eq!(kv.lookup(&a).await, Ok(None));
    let acquired = kv.acquire(&a, Seek::Missing, LONG).await.unwrap();
    assert!(matches!(acquired, Acquired::Token(_)), "{acquired:?}");
    kv.evict(slice::from_ref(&other)).await.unwrap();
    assert_eq!(kv.lookup(&other).await, Ok(None));
}

pub(crate) async fn one_outlives_what_depends_on_it(on: Backend) {
    let (kv, a, b) = (&on.kv, grouped("a", "1"), grouped("b", "1"));
    let ttl = async || {
        let generation = found(kv, "cache:g:1").await.unwrap().expect("it is there");
        generation.ttl.expect("it expires")
    };
    let held = token(kv, &a).await;
    assert!(ttl().await > LONG && ttl().await <= 2 * LONG);
    // An entry may live longer than its token.
    let fill = kv.fill(&held, b"a", 5 * LONG).await;
    assert_eq!(fill, Ok(Filled::Stored));
    assert!(ttl().await > 9 * LONG && ttl().await <= 10 * LONG);
    // One that lives shorter makes it no shorter.
    let held = token(kv, &b).await;
    assert_eq!(kv.fill(&held, b"b", SHORT).await, Ok(Filled::Stored));
    assert!(ttl().await > 9 * LONG);
    // What was stored in a generation that has expired does not come back.
    let generation = kv.get("cache:g:1").await.unwrap().unwrap();
    kv.set("cache:g:1", &generation, SHORT).await.unwrap();
    gone(kv, "cache:g:1").await;
    assert_eq!(kv.lookup(&a).await, Ok(None));
    load(kv, &b, b"new").await;
    assert_eq!(kv.lookup(&a).await, Ok(None));
    assert_eq!(value(kv, &b).await.unwrap(), b"new");
}

/// Such as before the program said which group it is in.
pub(crate) async fn entries_are_in_one_group_only(on: Backend) {
    let kv = &on.kv;
    let all = [entry("a"), grouped("a", "1"), grouped("a", "2")];
    for (number, stored) in all.iter().enumerate() {
        load(kv, stored, b"value").await;
        for (other, names) in all.iter().enumerate() {
            let found = value(kv, names).await;
            assert_eq!(found.is_some(), other == number, "{names:?}");
        }
    }
}
