//! Values that do not decode, do not encode, or are too large.

use std::error::Error;

use cache_runtime::RedisCache;
use cache_runtime::redis::Codec;
use serde::{Deserialize, Serialize};

use support::{eventually, within};

use crate::fixture::{LONG, Place, SHORT, Source, builder, in_both_places, never, text};

type AnyError = Box<dyn Error + Send + Sync>;

async fn a_value_that_does_not_decode_is_loaded_and_overwritten(place: &Place) {
    let bus = place.instance().await;
    let plain = builder(&bus).build().unwrap();
    let locked = builder(&bus).load_lock(LONG).build().unwrap();
    for bytes in [
        &b""[..],
        b"A",
        b"+",
        b"+A",
        b"+1",
        b"+\"A\" ",
        b"+\"A\"x",
        b"-\xff",
    ] {
        for cache in [&plain, &locked] {
            if bytes == b"+\"A\" " {
                // JSON allows trailing white space, so this decodes.
                continue;
            }
            place.write("texts:v:a", bytes).await;
            let before = cache.stats().undecodable;
            assert_eq!(cache.get("a").await.unwrap(), None, "{bytes:?}");
            assert_eq!(cache.stats().undecodable, before + 1);
            assert_eq!(cache.try_get_or_load("a", || text("B")).await.unwrap(), "B");
            assert_eq!(place.stored("texts:v:a").await.unwrap(), b"+\"B\"");
            assert_eq!(
                place.stored("texts:t:a").await,
                None,
                "the lock is given back"
            );
        }
    }
}

async fn another_instance_that_replaces_it_is_waited_for(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).load_lock(LONG).build().unwrap();
    let patient = builder(&there).load_lock(LONG).build().unwrap();
    let impatient = builder(&there).load_lock(SHORT).build().unwrap();
    place.write("texts:v:a", b"undecodable").await;
    let source = Source::held("A");
    let loading = tokio::spawn({
        let (here, source) = (here.clone(), source.clone());
        async move { here.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    let waiting = tokio::spawn({
        let patient = patient.clone();
        async move { patient.try_get_or_load("a", never).await }
    });
    // Wait until it has asked Redis several times.
    let looks = async || patient.stats().undecodable;
    eventually("the other to wait", looks, |looks| *looks > 3).await;
    let early = impatient.try_get_or_load("a", || text("early"));
    assert_eq!(within("the wait to end", early).await.unwrap(), "early");
    assert_eq!(waiting.await.unwrap().unwrap(), "early");
    source.release();
    assert_eq!(loading.await.unwrap().unwrap(), "A");
}

async fn a_value_of_another_version_is_loaded_anew(place: &Place) {
    #[derive(Clone, Serialize, Deserialize)]
    struct Old {
        name: String,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        name: String,
        size: u32,
    }
    let bus = place.instance().await;
    let old = RedisCache::<Old>::builder(&bus, "things", LONG)
        .build()
        .unwrap();
    let new = RedisCache::<New>::builder(&bus, "things", LONG)
        .build()
        .unwrap();
    let name = "a".to_owned();
    old.insert("a", Old { name: name.clone() }).await.unwrap();
    let load = || async { Ok::<_, AnyError>(New { name, size: 1 }) };
    assert_eq!(new.try_get_or_load("a", load).await.unwrap().size, 1);
    assert_eq!(old.get("a").await.unwrap().unwrap().name, "a");
}

async fn a_value_that_is_too_large_is_given_to_its_caller(place: &Place) {
    let bus = place.instance().await;
    // The quotes of the JSON string count.
    let cache = builder(&bus)
        .max_value_bytes(10)
        .memory(LONG, 10)
        .load_lock(LONG);
    let cache = cache.build().unwrap();
    assert_eq!(
        cache
            .try_get_or_load("a", || text("12345678"))
            .await
            .unwrap(),
        "12345678"
    );
    assert_eq!(cache.try_get_or_load("a", never).await.unwrap(), "12345678");
    for _ in 0..2 {
        let large = cache.try_get_or_load("b", || text("123456789")).await;
        assert_eq!(large.unwrap(), "123456789");
        assert_eq!(cache.get("b").await.unwrap(), None);
    }
    let error = cache.insert("a", "123456789".to_owned()).await.unwrap_err();
    assert!(error.is_too_large());
    let expected = "an entry of cache `texts` could not be stored: 11 bytes exceed the limit of 10";
    assert_eq!(error.to_string(), expected);
    assert_eq!(cache.stats().too_large, 3);
    assert_eq!(cache.get("a").await.unwrap().as_deref(), Some("12345678"));
}

/// Writes a number in decimal digits, and refuses some numbers.
struct Digits;

impl Codec<i32> for Digits {
    fn encode(&self, value: &i32, out: &mut Vec<u8>) -> Result<(), AnyError> {
        assert_ne!(*value, 13, "as the test wants it");
        if *value < 0 {
            return Err("negative".into());
        }
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<i32, AnyError> {
        let number = std::str::from_utf8(bytes)?.parse()?;
        assert_ne!(number, 31, "as the test wants it");
        Ok(number)
    }
}

async fn a_codec_may_be_given_and_may_fail_or_panic(place: &Place) {
    let bus = place.instance().await;
    let cache = RedisCache::builder(&bus, "digits", LONG).codec(Digits);
    let cache = cache.build().unwrap();
    let load = |number: i32| move || async move { Ok::<_, AnyError>(number) };
    assert_eq!(cache.try_get_or_load("a", load(7)).await.unwrap(), 7);
    assert_eq!(place.stored("digits:v:a").await.unwrap(), b"+7");
    assert_eq!(cache.get("a").await.unwrap(), Some(7));
    for bad in [-1, 13] {
        assert_eq!(cache.try_get_or_load("b", load(bad)).await.unwrap(), bad);
        assert_eq!(cache.get("b").await.unwrap(), None);
        let error = cache.insert("b", bad).await.unwrap_err();
        assert!(!error.is_too_large() && error.cause().is_none(), "{error}");
    }
    assert_eq!(cache.stats().unencodable, 4);
    place.write("digits:v:c", b"+31").await;
    assert_eq!(cache.get("c").await.unwrap(), None);
    assert_eq!(cache.stats().undecodable, 1);
}

in_both_places!(
    a_value_that_does_not_decode_is_loaded_and_overwritten,
    another_instance_that_replaces_it_is_waited_for,
    a_value_of_another_version_is_loaded_anew,
    a_value_that_is_too_large_is_given_to_its_caller,
    a_codec_may_be_given_and_may_fail_or_panic,
);
