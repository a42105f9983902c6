//! Redis is down: the answer is an error, never an uncertain reservation.

use cache_runtime::bus::Cause;
use cache_runtime::dedup::{DedupError, Reservation};
use cache_runtime::{Bus, Dedup};
use support::{Direction, Proxy, Server, eventually, within};

use crate::rules::duplicate;
use crate::{Backend, connect, dedup};

pub(crate) async fn a_closed_bus_is_an_error(on: Backend) {
    let (dedup, other) = (dedup(&on.bus), dedup(&on.another().await));
    on.bus.close().await;
    let error = dedup.reserve("1", "Ada").await.unwrap_err();
    assert!(error.is_closed(), "{error:?}");
    let message = format!("{error:#}");
    let start = "key \"1\" of dedup `requests` could not be reserved: ";
    assert!(message.starts_with(start), "{message}");
    assert!(dedup.release("1", "Ada").await.unwrap_err().is_closed());
    let long = dedup.reserve(&"k\n".repeat(1000), "Ada").await.unwrap_err();
    let message = long.to_string();
    assert!(
        message.starts_with(r#"key "k\nk\n"#) && message.len() < 250,
        "{message}"
    );
    let error = dedup.size().await.unwrap_err();
    assert!(error.is_closed() && error.key().is_none(), "{error:?}");
    let reserved = other.reserve("1", "Bea").await;
    assert_eq!(reserved, Ok(Reservation::Reserved));
}

/// Asserts that every operation fails for this reason.
async fn fails(dedup: &Dedup, expected: impl Fn(&Cause) -> bool) {
    let told = |error: DedupError| {
        assert!(error.cause().is_some_and(&expected), "{error:?}");
        assert!(format!("{error:#}").contains("`requests`"), "{error}");
    };
    for key in ["reserved", "free"] {
        told(dedup.reserve(key, "Bea").await.unwrap_err());
        // Not by the owner, because the command may still be executed later.
        told(dedup.release(key, "nobody").await.unwrap_err());
    }
    told(dedup.size().await.unwrap_err());
}

/// A deduplication with a key that is reserved.
async fn prepared(url: &str) -> (Bus, Dedup) {
    let bus = connect(url).await;
    let dedup = dedup(&bus);
    let reserved = dedup.reserve("reserved", "Ada").await;
    assert_eq!(reserved, Ok(Reservation::Reserved));
    (bus, dedup)
}

/// Tries until there is an answer.
async fn answer(dedup: &Dedup, key: &str) -> Reservation {
    let reserve = async || dedup.reserve(key, "Bea").await;
    let answer = eventually("an answer", reserve, Result::is_ok).await;
    answer.expect("it is")
}

#[tokio::test]
async fn a_killed_server_is_an_error_and_a_new_one_knows_nothing() {
    let mut server = Server::start().await;
    let (_bus, dedup) = prepared(&server.url()).await;
    server.kill9();
    fails(&dedup, |cause| matches!(cause, Cause::Unreachable(_))).await;
    server.restart().await;
    assert_eq!(answer(&dedup, "reserved").await, Reservation::Reserved);
}

#[tokio::test]
async fn a_frozen_server_is_an_error_and_keeps_what_it_knows() {
    let server = Server::start().await;
    let (_bus, dedup) = prepared(&server.url()).await;
    server.freeze();
    let silent = |cause: &Cause| matches!(cause, Cause::Timeout(_));
    fails(&dedup, silent).await;
    assert!(dedup.reserve("1", "Bea").await.unwrap_err().is_timeout());
    server.thaw();
    assert_eq!(answer(&dedup, "reserved").await, duplicate("Ada"));
}

#[tokio::test]
async fn a_swallowed_answer_is_an_error_and_the_key_may_be_reserved() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let (_bus, dedup) = prepared(&proxy.url()).await;
    proxy.black_hole(Direction::ToClient);
    let error = dedup.reserve("free", "Bea").await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    proxy.heal();
    // The second attempt names the caller itself as the owner.
    assert_eq!(answer(&dedup, "free").await, duplicate("Bea"));
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_an_error() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let (_bus, dedup) = prepared(&proxy.url()).await;
    proxy.black_hole(Direction::Both);
    let silent = |cause: &Cause| matches!(cause, Cause::Timeout(_));
    within("errors", fails(&dedup, silent)).await;
    proxy.heal();
    assert_eq!(answer(&dedup, "reserved").await, duplicate("Ada"));
}

#[tokio::test]
async fn a_server_that_refuses_is_an_error_that_says_what_to_allow() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let url = server.allow_app("+hello +client ~other:*").await;
    let bus = connect(&url).await;
    let refusing = dedup(&bus);
    fails(&refusing, |cause| matches!(cause, Cause::Refused(_))).await;
    let error = refusing.reserve("1", "Ada").await.unwrap_err();
    let rules = "ACL SETUSER app +get +getrange +set +del +pttl +scan +eval +evalsha \
                 ~requests:* ~cache-runtime:*";
    assert!(format!("{error:#}").ends_with(rules), "{error}");
    admin.run::<()>(&rules.split(' ').collect::<Vec<_>>()).await;
    let reserved = refusing.reserve("1", "Ada").await;
    assert_eq!(reserved, Ok(Reservation::Reserved));
}

#[tokio::test]
async fn a_server_without_memory_is_an_error() {
    let server = Server::start().await;
    let (admin, (_bus, dedup)) = (server.admin().await, prepared(&server.url()).await);
    admin.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = dedup.reserve("1", "Ada").await.unwrap_err();
    assert!(matches!(error.cause(), Some(Cause::Server(_))), "{error:?}");
    assert!(format!("{error:#}").contains("memory"), "{error}");
    admin.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(answer(&dedup, "1").await, Reservation::Reserved);
}

#[tokio::test]
async fn a_server_that_was_emptied_lets_keys_be_reserved_again() {
    let server = Server::start().await;
    let (admin, (_bus, dedup)) = (server.admin().await, prepared(&server.url()).await);
    admin.run::<()>(&["FLUSHALL"]).await;
    assert_eq!(dedup.size().await, Ok(0));
    let again = dedup.reserve("reserved", "Bea").await;
    assert_eq!(again, Ok(Reservation::Reserved));
    assert_eq!(dedup.reserve("reserved", "Ada").await, Ok(duplicate("Bea")));
}
