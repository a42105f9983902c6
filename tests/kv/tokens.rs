//! Tokens: a value that was loaded before an eviction is not stored after it.

use std::slice;
use std::time::Duration;

use cache_runtime::__private::{
    Acquired, Content, EntryKeys, Filled, Keyspace, Seek, Stored, Token,
};
use support::eventually;

use crate::backend::{Backend, LONG, MAX_BYTES, SHORT, bare, entry, found, gone};

/// Takes the token of an entry that is missing.
pub(crate) async fn token(kv: &Keyspace, names: &EntryKeys) -> Token {
    match kv.acquire(names, Seek::Missing, LONG).await.unwrap() {
        Acquired::Token(token) => token,
        other => panic!("{names:?}: expected a token, got {other:?}"),
    }
}

/// The value of an entry.
pub(crate) async fn value(kv: &Keyspace, names: &EntryKeys) -> Option<Vec<u8>> {
    let found = kv.lookup(names).await.unwrap();
    found.map(|found| found.value)
}

pub(crate) async fn load(kv: &Keyspace, names: &EntryKeys, value: &[u8]) {
    let token = token(kv, names).await;
    assert_eq!(kv.fill(&token, value, LONG).await, Ok(Filled::Stored));
}

pub(crate) async fn one_holds_the_token_until_it_fills(on: Backend) {
    let (kv, a) = (&on.kv, entry("a"));
    assert_eq!(kv.lookup(&a).await, Ok(None));
    let held = token(kv, &a).await;
    for seek in [Seek::Missing, Seek::Refresh] {
        assert_eq!(kv.acquire(&a, seek, LONG).await, Ok(Acquired::Busy));
    }
    // Other entries have tokens of their own.
    load(kv, &entry("b"), b"b").await;
    assert_eq!(kv.lookup(&a).await, Ok(None));
    assert_eq!(
        kv.fill(&held, b"\x00a:\xFF", LONG).await,
        Ok(Filled::Stored)
    );
    let found = kv.lookup(&a).await.unwrap().unwrap();
    assert_eq!(found.value, b"\x00a:\xFF");
    let ttl = found.ttl.expect("it expires");
    assert!(ttl <= LONG && ttl > LONG / 2, "{ttl:?}");
    // A token is used up by its fill.
    assert_eq!(kv.fill(&held, b"again", LONG).await, Ok(Filled::Gone));
    assert_eq!(value(kv, &a).await.unwrap(), b"\x00a:\xFF");
}

pub(crate) async fn a_value_that_is_there_needs_no_token(on: Backend) {
    let (kv, a) = (&on.kv, entry("a"));
    load(kv, &a, b"").await;
    match kv.acquire(&a, Seek::Missing, LONG).await.unwrap() {
        Acquired::Found(found) => {
            assert_eq!(found.value, b"");
            assert!(found.ttl > Some(LONG / 2), "{found:?}");
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_refresh_needs_one_all_the_same(on: Backend) {
    let (kv, a) = (&on.kv, entry("a"));
    load(kv, &a, b"old").await;
    let Acquired::Token(held) = kv.acquire(&a, Seek::Refresh, LONG).await.unwrap() else {
        panic!("nobody else holds it");
    };
    let busy = kv.acquire(&a, Seek::Refresh, LONG).await;
    assert_eq!(busy, Ok(Acquired::Busy));
    let found = kv.acquire(&a, Seek::Missing, LONG).await.unwrap();
    assert!(matches!(found, Acquired::Found(found) if found.value == b"old"));
    assert_eq!(kv.fill(&held, b"new", LONG).await, Ok(Filled::Stored));
    assert_eq!(value(kv, &a).await.unwrap(), b"new");
}

pub(crate) async fn an_evicted_entry_bars_its_fill(on: Backend) {
    let (kv, a, b) = (&on.kv, entry("a"), entry("b"));
    load(kv, &b, b"b").await;
    let held = token(kv, &a).await;
    kv.evict(&[a.clone(), entry("none")]).await.unwrap();
    assert_eq!(kv.fill(&held, b"old", LONG).await, Ok(Filled::Gone));
    assert_eq!(kv.lookup(&a).await, Ok(None));
    assert_eq!(value(kv, &b).await.unwrap(), b"b");

    // During a refresh too.
    load(kv, &a, b"old").await;
    let Acquired::Token(held) = kv.acquire(&a, Seek::Refresh, LONG).await.unwrap() else {
        panic!("nobody else holds it");
    };
    kv.evict(slice::from_ref(&a)).await.unwrap();
    assert_eq!(kv.lookup(&a).await, Ok(None));
    assert_eq!(kv.fill(&held, b"old", LONG).await, Ok(Filled::Gone));
    assert_eq!(kv.lookup(&a).await, Ok(None));
}

pub(crate) async fn an_evicted_entry_can_be_loaded_at_once(on: Backend) {
    let (kv, a) = (&on.kv, entry("a"));
    let late = token(kv, &a).await;
    kv.evict(slice::from_ref(&a)).await.unwrap();
    let held = token(kv, &a).await;
    assert_eq!(kv.fill(&late, b"old", LONG).await, Ok(Filled::Taken));
    assert_eq!(kv.fill(&held, b"new", LONG).await, Ok(Filled::Stored));
    assert_eq!(kv.fill(&late, b"old", LONG).await, Ok(Filled::Gone));
    assert_eq!(value(kv, &a).await.unwrap(), b"new");
}

pub(crate) async fn any_number_of_entries_is_evicted(on: Backend) {
    let entries: Vec<EntryKeys> = (0..1500).map(|n| entry(&n.to_string())).collect();
    for names in &entries {
        load(&on.kv, names, b"value").await;
    }
    let held = match on.kv.acquire(&entries[1499], Seek::Refresh, LONG).await {
        Ok(Acquired::Token(token)) => token,
        other => panic!("{other:?}"),
    };
    on.kv.evict(&[]).await.unwrap();
    assert_eq!(on.kv.count("cache:v:").await, Ok(1500));
    on.kv.evict(&entries).await.unwrap();
    assert_eq!(on.kv.count("cache:v:").await, Ok(0));
    assert_eq!(on.kv.fill(&held, b"old", LONG).await, Ok(Filled::Gone));
}

pub(crate) async fn an_ended_generation_bars_every_fill(on: Backend) {
    let (kv, a, b) = (&on.kv, entry("a"), entry("b"));
    let (late_a, late_b) = (token(kv, &a).await, token(kv, &b).await);
    kv.delete(&["cache:g"]).await.unwrap();
    assert_eq!(kv.fill(&late_a, b"old", LONG).await, Ok(Filled::Gone));
    assert_eq!(kv.lookup(&a).await, Ok(None));
    // The next load does not wait for one that can no longer fill.
    let held = token(kv, &b).await;
    let busy = kv.acquire(&b, Seek::Missing, LONG).await;
    assert_eq!(busy, Ok(Acquired::Busy));
    assert_eq!(kv.fill(&late_b, b"old", LONG).await, Ok(Filled::Taken));
    assert_eq!(kv.fill(&held, b"new", LONG).await, Ok(Filled::Stored));
    assert_eq!(value(kv, &b).await.unwrap(), b"new");
}

pub(crate) async fn an_ended_generation_is_unreachable(on: Backend) {
    let (kv, a, b) = (&on.kv, entry("a"), entry("b"));
    load(kv, &a, b"old a").await;
    load(kv, &b, b"old b").await;
    kv.delete(&["cache:g"]).await.unwrap();
    kv.delete(&["cache:g"]).await.unwrap();
    assert_eq!(kv.lookup(&a).await, Ok(None));
    load(kv, &b, b"new b").await;
    assert_eq!(kv.lookup(&a).await, Ok(None));
    assert_eq!(value(kv, &b).await.unwrap(), b"new b");
    // An entry of an ended generation is replaced as if it were missing.
    load(kv, &a, b"new a").await;
    assert_eq!(value(kv, &a).await.unwrap(), b"new a");
}

/// How much longer the generation lives.
pub(crate) async fn generation_ttl(kv: &Keyspace) -> Duration {
    let generation = found(kv, "cache:g").await.unwrap().expect("it is there");
    generation.ttl.expect("it expires")
}

pub(crate) async fn a_generation_outlives_what_depends_on_it(on: Backend) {
    let (kv, a, b) = (&on.kv, entry("a"), entry("b"));
    // A token.
    let held = token(kv, &a).await;
    let ttl = generation_ttl(kv).await;
    assert!(ttl > LONG && ttl <= 2 * LONG, "{ttl:?}");
    // An entry, which may live longer than its token.
    let fill = kv.fill(&held, b"a", 5 * LONG).await;
    assert_eq!(fill, Ok(Filled::Stored));
    let ttl = generation_ttl(kv).await;
    assert!(ttl > 9 * LONG && ttl <= 10 * LONG, "{ttl:?}");
    // One that lives shorter makes it no shorter.
    let held = token(kv, &b).await;
    assert_eq!(kv.fill(&held, b"b", SHORT).await, Ok(Filled::Stored));
    let ttl = generation_ttl(kv).await;
    assert!(ttl > 9 * LONG, "{ttl:?}");
    assert_eq!(value(kv, &a).await.unwrap(), b"a");
    // An older version has given it no TTL, or it is about to expire.
    let generation = kv.get("cache:g").await.unwrap().unwrap();
    kv.set("cache:g", &generation, LONG / 2).await.unwrap();
    load(kv, &entry("c"), b"c").await;
    assert_eq!(value(kv, &a).await.unwrap(), b"a");
    let ttl = generation_ttl(kv).await;
    assert!(ttl > LONG && ttl <= 2 * LONG, "{ttl:?}");
    // What was stored in a generation that has expired does not come back.
    kv.set("cache:g", &generation, SHORT).await.unwrap();
    gone(kv, "cache:g").await;
    assert_eq!(kv.lookup(&a).await, Ok(None));
    load(kv, &b, b"new").await;
    assert_eq!(kv.lookup(&a).await, Ok(None));
    assert_eq!(value(kv, &b).await.unwrap(), b"new");
}

/// A server under pressure may drop any key.
pub(crate) async fn a_lost_generation_is_an_ended_one(on: Backend) {
    let (kv, a, b) = (&on.kv, entry("a"), entry("b"));
    load(kv, &a, b"old").await;
    let late = token(kv, &b).await;
    assert_eq!(kv.delete(&["cache:g"]).await, Ok(1));
    assert_eq!(kv.lookup(&a).await, Ok(None));
    load(kv, &a, b"new").await;
    assert_eq!(kv.fill(&late, b"old", LONG).await, Ok(Filled::Gone));
    assert_eq!(value(kv, &a).await.unwrap(), b"new");
    assert_eq!(kv.lookup(&b).await, Ok(None));
}

pub(crate) async fn a_token_ends_with_its_ttl(on: Backend) {
    let (kv, a) = (&on.kv, entry("a"));
    let Acquired::Token(late) = kv.acquire(&a, Seek::Missing, SHORT).await.unwrap() else {
        panic!("nobody else holds it");
    };
    let again = async || kv.acquire(&a, Seek::Missing, LONG).await.unwrap();
    let free = |acquired: &Acquired| matches!(acquired, Acquired::Token(_));
    eventually("the token to be free", again, free).await;
    assert_eq!(kv.fill(&late, b"late", LONG).await, Ok(Filled::Taken));
    assert_eq!(kv.lookup(&a).await, Ok(None));
}

pub(crate) async fn a_token_can_be_given_up(on: Backend) {
    let (kv, a) = (&on.kv, entry("a"));
    let first = token(kv, &a).await;
    kv.give_up(&first).await.unwrap();
    assert_eq!(kv.fill(&first, b"value", LONG).await, Ok(Filled::Gone));
    let second = token(kv, &a).await;
    // Giving up an old token does not end the new one.
    kv.give_up(&first).await.unwrap();
    assert_eq!(kv.fill(&second, b"value", LONG).await, Ok(Filled::Stored));
}

pub(crate) async fn what_is_put_bars_fills(on: Backend) {
    let (kv, a) = (&on.kv, bare("a"));
    kv.put(&a, b"first", LONG).await.unwrap();
    assert_eq!(value(kv, &a).await.unwrap(), b"first");
    kv.evict(slice::from_ref(&a)).await.unwrap();
    let late = token(kv, &a).await;
    kv.put(&a, b"put", LONG).await.unwrap();
    assert_eq!(kv.fill(&late, b"loaded", LONG).await, Ok(Filled::Gone));
    assert_eq!(value(kv, &a).await.unwrap(), b"put");
    kv.put(&a, b"short", Duration::from_millis(1))
        .await
        .unwrap();
    let lookup = async || kv.lookup(&a).await.unwrap();
    eventually("it to expire", lookup, Option::is_none).await;
}

pub(crate) async fn bare_values_are_as_they_were_given(on: Backend) {
    let (kv, a) = (&on.kv, bare("a"));
    let held = token(kv, &a).await;
    let busy = kv.acquire(&a, Seek::Missing, LONG).await;
    assert_eq!(busy, Ok(Acquired::Busy));
    assert_eq!(kv.fill(&held, b"loaded", LONG).await, Ok(Filled::Stored));
    assert_eq!(kv.get(&a.value).await, Ok(Some(b"loaded".to_vec())));
    let found = kv.acquire(&a, Seek::Missing, LONG).await.unwrap();
    assert!(matches!(found, Acquired::Found(found) if found.value == b"loaded"));
    for put in [&b"put"[..], b""] {
        kv.put(&a, put, LONG).await.unwrap();
        assert_eq!(kv.get(&a.value).await, Ok(Some(put.to_vec())));
        assert_eq!(value(kv, &a).await.unwrap(), put);
    }
    kv.evict(slice::from_ref(&a)).await.unwrap();
    assert_eq!(kv.lookup(&a).await, Ok(None));
    // Nothing is left, not even a generation.
    assert_eq!(kv.count("").await, Ok(0));
}

pub(crate) async fn of_a_value_and_an_absence_one_is_there(on: Backend) {
    for a in [bare("a"), entry("a")] {
        let kv = &on.kv;
        for (content, bytes, is_absence) in [
            (Content::Absence("gone"), &b"gone"[..], true),
            (Content::Value(b"value"), b"value", false),
            (Content::Absence(""), b"", true),
            (Content::Value(b""), b"", false),
        ] {
            let Acquired::Token(held) = kv.acquire(&a, Seek::Refresh, LONG).await.unwrap() else {
                panic!("nobody else holds it");
            };
            assert_eq!(kv.fill(&held, content, LONG).await, Ok(Filled::Stored));
            let looked_up = kv.lookup(&a).await.unwrap().unwrap();
            let acquired = kv.acquire(&a, Seek::Missing, LONG).await.unwrap();
            let Acquired::Found(acquired) = acquired else {
                panic!("{acquired:?}");
            };
            for found in [looked_up, acquired] {
                assert_eq!((&*found.value, found.is_absence), (bytes, is_absence));
                assert!(found.ttl > Some(LONG / 2), "{found:?}");
            }
        }
        kv.evict(&[a]).await.unwrap();
    }
    // What another program stores counts, although an absence is known.
    let (kv, a) = (&on.kv, bare("a"));
    kv.put(&a, Content::Absence("gone"), LONG).await.unwrap();
    kv.set(&a.value, b"theirs", LONG).await.unwrap();
    assert!(!kv.lookup(&a).await.unwrap().unwrap().is_absence);
    kv.put(&a, Content::Absence("gone"), LONG).await.unwrap();
    assert!(kv.lookup(&a).await.unwrap().unwrap().is_absence);
    kv.evict(std::slice::from_ref(&a)).await.unwrap();
    assert_eq!(kv.lookup(&a).await, Ok(None));
}

pub(crate) async fn a_large_value_is_not_read_whole(on: Backend) {
    let (kv, large) = (&on.kv, vec![b'x'; 1000]);
    for a in [bare("a"), entry("a")] {
        let held = token(kv, &a).await;
        assert_eq!(kv.fill(&held, &large, LONG).await, Ok(Filled::Stored));
        let looked_up = kv.lookup(&a).await.unwrap().unwrap();
        let acquired = kv.acquire(&a, Seek::Missing, LONG).await.unwrap();
        let Acquired::Found(acquired) = acquired else {
            panic!("{acquired:?}");
        };
        for found in [looked_up, acquired] {
            let read = found.value.len();
            assert!(read > MAX_BYTES && read < 2 * MAX_BYTES, "{read} bytes");
        }
    }
}

pub(crate) async fn caches_do_not_share_generations(on: Backend) {
    let (kv, a) = (&on.kv, entry("a"));
    let other = EntryKeys {
        value: "other:v:a".to_owned(),
        token: "other:t:a".to_owned(),
        stored: Stored::Sealed {
            generation: "other:g".to_owned(),
            group: None,
        },
        max_bytes: MAX_BYTES,
    };
    load(kv, &a, b"a").await;
    load(kv, &other, b"other").await;
    kv.delete(&["other:g"]).await.unwrap();
    assert_eq!(value(kv, &a).await.unwrap(), b"a");
    assert_eq!(kv.lookup(&other).await, Ok(None));
}
