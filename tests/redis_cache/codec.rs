//! Values that do not decode, do not encode, or are too large.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt::Debug;

use cache_runtime::RedisCache;
use cache_runtime::redis::{Codec, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use support::{eventually, within};

use crate::fixture::{LONG, Place, SHORT, Source, builder, in_both_places, never, text};

type AnyError = Box<dyn Error + Send + Sync>;

async fn a_value_that_does_not_decode_is_loaded_and_overwritten(place: &Place) {
    let bus = place.instance().await;
    let plain = builder(&bus).build().unwrap();
    let locked = builder(&bus).load_lock(LONG).build().unwrap();
    for bytes in [&b""[..], b"A", b"1", b"+\"A\"", b"\"A\"x", b"\xff"] {
        for cache in [&plain, &locked] {
            place.write("texts:a", bytes).await;
            let before = cache.stats().undecodable;
            assert_eq!(cache.get("a").await.unwrap(), None, "{bytes:?}");
            assert_eq!(cache.stats().undecodable, before + 1);
            assert_eq!(cache.try_get_or_load("a", || text("B")).await.unwrap(), "B");
            assert_eq!(place.stored("texts:a").await.unwrap(), b"\"B\"");
            assert_eq!(
                place.stored("cache-runtime:lock:{texts:a}").await,
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
    place.write("texts:a", b"undecodable").await;
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
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        name: String,
        size: u32,
    }
    let bus = place.instance().await;
    let cache = RedisCache::<New>::builder(&bus, "things", LONG);
    let cache = cache.build().unwrap();
    let name = "a".to_owned();
    place.write("things:a", br#"{"name":"old"}"#).await;
    let load = || async { Ok::<_, AnyError>(New { name, size: 1 }) };
    assert_eq!(cache.try_get_or_load("a", load).await.unwrap().size, 1);
    let stored = place.stored("things:a").await.unwrap();
    assert_eq!(stored, br#"{"name":"a","size":1}"#);
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
    let expected = "an entry of cache `texts` could not be stored: it has 11 bytes, and `max_value_bytes` allows 10";
    assert_eq!(format!("{error:#}"), expected);
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
    assert_eq!(place.stored("digits:a").await.unwrap(), b"7");
    assert_eq!(cache.get("a").await.unwrap(), Some(7));
    for bad in [-1, 13] {
        assert_eq!(cache.try_get_or_load("b", load(bad)).await.unwrap(), bad);
        assert_eq!(cache.get("b").await.unwrap(), None);
        let error = cache.insert("b", bad).await.unwrap_err();
        assert!(!error.is_too_large() && error.cause().is_none(), "{error}");
    }
    assert_eq!(cache.stats().unencodable, 4);
    place.write("digits:c", b"31").await;
    assert_eq!(cache.get("c").await.unwrap(), None);
    assert_eq!(cache.stats().undecodable, 1);
}

/// Without a cache for each type, because those take long to compile.
#[test]
fn what_json_cannot_say_is_refused() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Nested(Vec<Nested>);
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Small(u8),
        Large(i64),
    }
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Key(#[serde(serialize_with = "lower_case")] String);
    fn lower_case<S: serde::Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text.to_lowercase())
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        a: u8,
        #[serde(flatten)]
        more: HashMap<String, u8>,
    }
    let nested = |depth| (1..depth).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]));
    let keys = |keys: &[&str]| -> HashMap<Key, u8> {
        keys.iter().map(|key| (Key((*key).to_owned()), 1)).collect()
    };
    let flat = |key: &str| Flat {
        a: 1,
        more: HashMap::from([(key.to_owned(), 2)]),
    };

    refused(&[Some(f64::NAN), Some(f64::INFINITY)]);
    refused(&[f64::NAN, f64::NEG_INFINITY]);
    refused(&[Some(f32::NAN)]);
    refused(&[vec![(1.0, Some(f64::NAN))]]);
    refused(&[Some(None::<u8>)]);
    refused(&[Some(())]);
    refused(&[Some(serde_json::Value::Null)]);
    refused(&[nested(128), nested(200), nested(1_000)]);
    refused(&[Untagged::Large(7)]);
    refused(&[HashMap::from([(vec![1], 1)])]);
    refused(&[keys(&["a", "A"])]);
    refused(&[flat("a")]);

    stored(&[Some(0.1), Some(-0.0), Some(f64::MIN_POSITIVE), None]);
    // The readers that are quicker take the first for its neighbour.
    stored(&[-7.347_627_593_989_915e-259, f64::MAX, f64::EPSILON]);
    stored(&[Some(0_u8), None]);
    stored(&[vec![Some(1), None]]);
    stored(&[i128::MIN, i128::MAX]);
    stored(&[nested(127)]);
    stored(&[Untagged::Small(7), Untagged::Large(700)]);
    stored(&[(0..100).map(|n| (n, n)).collect::<HashMap<u32, u32>>()]);
    stored(&[(0..100).collect::<HashSet<u32>>()]);
    stored(&[keys(&["a", "b"])]);
    stored(&[flat("b")]);
    stored(&["\0\u{1f600}".to_owned(), String::new()]);
}

fn refused<V: Debug + Serialize + DeserializeOwned>(values: &[V]) {
    for value in values {
        let encoded = Json.encode(value, &mut Vec::new());
        assert!(encoded.is_err(), "{value:?}");
    }
}

fn stored<V: Debug + PartialEq + Serialize + DeserializeOwned>(values: &[V]) {
    for value in values {
        let mut bytes = b"before".to_vec();
        Json.encode(value, &mut bytes).unwrap();
        let read: V = Json.decode(bytes.strip_prefix(b"before").unwrap()).unwrap();
        assert_eq!(read, *value);
    }
}

async fn what_json_refuses_is_not_stored(place: &Place) {
    let on = place.instance().await;
    let cache = RedisCache::<Option<f64>>::builder(&on, "any", LONG);
    let cache = cache.build().unwrap();
    for refused in [Some(f64::NAN), Some(f64::INFINITY)] {
        let given = cache.get_or_load("a", || async { refused }).await.unwrap();
        assert_eq!(format!("{given:?}"), format!("{refused:?}"));
        assert_eq!(cache.get("a").await.unwrap(), None);
        assert!(cache.insert("a", refused).await.is_err());
        assert_eq!(cache.get("a").await.unwrap(), None);
    }
    let stats = cache.stats();
    assert_eq!((stats.unencodable, stats.stored), (4, 0));
    for stored in [Some(-0.0), None] {
        let given = cache.get_or_load("a", || async { stored }).await.unwrap();
        assert_eq!(
            (given, cache.get("a").await.unwrap()),
            (stored, Some(stored))
        );
        cache.remove("a").await.unwrap();
        cache.insert("a", stored).await.unwrap();
        assert_eq!(cache.get("a").await.unwrap(), Some(stored));
        cache.remove("a").await.unwrap();
    }
    let stats = cache.stats();
    assert_eq!((stats.unencodable, stats.undecodable), (4, 0));
}

/// The error of serde may quote the whole value.
async fn the_error_of_a_refused_value_is_short(place: &Place) {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Quoted(#[serde(deserialize_with = "refuse")] String);
    fn refuse<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        let text = String::deserialize(from)?;
        Err(serde::de::Error::custom(text))
    }
    let on = place.instance().await;
    let cache = RedisCache::<Quoted>::builder(&on, "quoted", LONG).build();
    let value = Quoted("secret\n".repeat(100_000));
    let error = cache.unwrap().insert("a", value).await.unwrap_err();
    let error = error.to_string();
    assert!(error.len() < 2_000 && !error.contains('\n'), "{error}");
}

in_both_places!(
    what_json_refuses_is_not_stored,
    the_error_of_a_refused_value_is_short,
    a_value_that_does_not_decode_is_loaded_and_overwritten,
    another_instance_that_replaces_it_is_waited_for,
    a_value_of_another_version_is_loaded_anew,
    a_value_that_is_too_large_is_given_to_its_caller,
    a_codec_may_be_given_and_may_fail_or_panic,
);
