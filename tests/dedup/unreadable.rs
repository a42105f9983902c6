//! Keys that hold something other than a reservation of this library.

use cache_runtime::__private::Keyspace;
use cache_runtime::bus::Cause;
use cache_runtime::dedup::{DedupError, Release, Reservation};
use support::Server;

use crate::rules::duplicate;
use crate::{Backend, LONG, connect, dedup};

pub(crate) async fn what_is_no_reservation_is_an_error_and_stays(on: Backend) {
    let (dedup, kv) = (dedup(&on.bus), Keyspace::new(&on.bus));
    let long = format!("[\"{}\"]", "x".repeat(10_000));
    for (found, shown) in [
        ("", "\"\" of 0 bytes"),
        ("1", "\"1\" of 1 bytes (no JSON object)"),
        ("Ada", "\"Ada\" of 3 bytes (expected value"),
        ("{}", "without an `owner`"),
        (
            r#"{"owner":7,"nonce":"1"}"#,
            "without an `owner` that is a string",
        ),
        (r#"{"owner":"Ada","nonce":"1"}x"#, "trailing characters"),
        ("\u{0}\u{1b}[2J", r"\0\u{1b}[2J"),
        (long.as_str(), "xxx\"… of 10004 bytes"),
    ] {
        kv.set("requests:1", found.as_bytes(), LONG).await.unwrap();
        for error in [
            dedup.reserve("1", "Ada").await.unwrap_err(),
            dedup.release("1", "Bea").await.unwrap_err(),
        ] {
            assert!(error.is_unreadable(), "{error:?}");
            assert_eq!((error.cache(), error.key()), ("requests", Some("1")));
            assert_eq!(error.cause(), None);
            let message = format!("{error:#}");
            assert!(
                message.contains("key \"1\" of dedup `requests`"),
                "{message}"
            );
            assert!(message.contains(shown), "{message}");
            assert!(message.len() < 300, "{message}");
        }
        let stored = kv.get("requests:1").await.unwrap();
        assert_eq!(stored.as_deref(), Some(found.as_bytes()));
    }
    // Bytes that are not UTF-8.
    kv.set("requests:1", b"\xFF\xFE", LONG).await.unwrap();
    let error = dedup.reserve("1", "Ada").await.unwrap_err();
    assert!(format!("{error:#}").contains("of 2 bytes"), "{error}");
    // It counts as a key, and does not affect other keys.
    assert_eq!(dedup.size().await, Ok(1));
    let other = dedup.reserve("2", "Ada").await;
    assert_eq!(other, Ok(Reservation::Reserved));
}

/// Other programs may format and order the JSON differently, and add members.
pub(crate) async fn what_other_programs_reserve_counts(on: Backend) {
    let (dedup, kv) = (dedup(&on.bus), Keyspace::new(&on.bus));
    let stored = br#" { "since": [1], "nonce": "1", "owner": "A\u0064a" } "#;
    kv.set("requests:1", stored, LONG).await.unwrap();
    assert_eq!(dedup.reserve("1", "Bea").await, Ok(duplicate("Ada")));
    let (owner, refused) = ("Ada".to_owned(), dedup.release("1", "Bea").await);
    assert_eq!(refused, Ok(Release::NotYours { owner }));
    assert_eq!(dedup.release("1", "Ada").await, Ok(Release::Released));
    assert_eq!(kv.get("requests:1").await, Ok(None));
}

#[tokio::test]
async fn another_type_is_an_error_and_stays() {
    let server = Server::start().await;
    let (admin, bus) = (server.admin().await, connect(&server.url()).await);
    admin.run::<()>(&["RPUSH", "requests:1", "Ada"]).await;
    let dedup = dedup(&bus);
    let told = |error: DedupError| {
        assert!(matches!(error.cause(), Some(Cause::Server(_))), "{error:?}");
        let message = format!("{error:#}");
        assert!(
            message.contains("key \"1\" of dedup `requests`"),
            "{message}"
        );
        assert!(message.contains("WRONGTYPE"), "{message}");
    };
    told(dedup.reserve("1", "Ada").await.unwrap_err());
    told(dedup.release("1", "Ada").await.unwrap_err());
    assert_eq!(admin.run::<u64>(&["LLEN", "requests:1"]).await, 1);
}
