//! Which caller gets a reservation, and which may end it.

use std::time::Duration;

use cache_runtime::__private::{EntryKeys, Keyspace, Stored};
use cache_runtime::dedup::{Release, Reservation};
use cache_runtime::{Dedup, defaults};
use support::eventually;
use tokio::task::JoinSet;

use crate::{Backend, LONG, dedup};

pub(crate) fn duplicate(owner: &str) -> Reservation {
    let owner = owner.to_owned();
    Reservation::Duplicate { owner }
}

pub(crate) async fn the_first_reserves_and_the_others_learn_who_it_was(on: Backend) {
    let (here, there) = (dedup(&on.bus), dedup(&on.another().await));
    assert_eq!(here.name(), "requests");
    assert_eq!(here.size().await, Ok(0));
    let first = here.reserve("1", "Ada").await;
    assert_eq!(first, Ok(Reservation::Reserved));
    assert_eq!(there.reserve("1", "Bea").await, Ok(duplicate("Ada")));
    assert_eq!(here.reserve("1", "Cid").await, Ok(duplicate("Ada")));
    let other = there.reserve("2", "Bea").await;
    assert_eq!(other, Ok(Reservation::Reserved));
    assert_eq!(here.reserve("2", "Ada").await, Ok(duplicate("Bea")));
    assert_eq!(here.size().await, Ok(2));
}

pub(crate) async fn the_same_owner_is_a_duplicate_too(on: Backend) {
    let dedup = dedup(&on.bus);
    let first = dedup.reserve("1", "Ada").await;
    assert_eq!(first, Ok(Reservation::Reserved));
    assert_eq!(dedup.reserve("1", "Ada").await, Ok(duplicate("Ada")));
}

pub(crate) async fn it_counts(on: Backend) {
    let dedup = dedup(&on.bus);
    for owner in ["Ada", "Bea", "Cid"] {
        let _ = dedup.reserve("1", owner).await.unwrap();
    }
    for owner in ["Bea", "Ada", "Ada"] {
        let _ = dedup.release("1", owner).await.unwrap();
    }
    on.bus.close().await;
    dedup.reserve("1", "Ada").await.unwrap_err();
    let stats = dedup.stats();
    assert_eq!((stats.reserved, stats.duplicates), (1, 2));
    assert_eq!((stats.released, stats.failed), (1, 1));
}

/// Waits for the end of a reservation.
async fn reserve_when_free(dedup: &Dedup, owner: &str) {
    let reserve = async || dedup.reserve("1", owner).await.unwrap() == Reservation::Reserved;
    eventually("the reservation to end", reserve, |reserved| *reserved).await;
}

pub(crate) async fn a_reservation_ends_with_its_ttl(on: Backend) {
    assert_eq!(defaults::DEDUP_TTL, Duration::from_secs(5));
    let builder = Dedup::builder(&on.bus, "requests");
    let short = builder.ttl(Duration::from_millis(30)).build().unwrap();
    let first = short.reserve("1", "Ada").await;
    assert_eq!(first, Ok(Reservation::Reserved));
    let other = dedup(&on.another().await);
    reserve_when_free(&other, "Bea").await;
    assert_eq!(short.reserve("1", "Ada").await, Ok(duplicate("Bea")));

    // The default TTL.
    let default = Dedup::builder(&on.bus, "default").build().unwrap();
    let first = default.reserve("1", "Ada").await;
    assert_eq!(first, Ok(Reservation::Reserved));
    let names = EntryKeys {
        value: "default:1".to_owned(),
        token: "token".to_owned(),
        stored: Stored::Bare {
            absence: "absence".to_owned(),
        },
        max_bytes: 1024,
    };
    let stored = Keyspace::new(&on.bus).lookup(&names).await;
    let ttl = stored.unwrap().expect("it is there").ttl.unwrap();
    assert!(ttl <= defaults::DEDUP_TTL, "{ttl:?}");
}

pub(crate) async fn only_the_owner_releases(on: Backend) {
    let (here, there) = (dedup(&on.bus), dedup(&on.another().await));
    assert_eq!(here.release("1", "Ada").await, Ok(Release::Gone));
    let first = here.reserve("1", "Ada").await;
    assert_eq!(first, Ok(Reservation::Reserved));
    let owner = "Ada".to_owned();
    let refused = there.release("1", "Bea").await;
    assert_eq!(refused, Ok(Release::NotYours { owner }));
    assert_eq!(there.reserve("1", "Bea").await, Ok(duplicate("Ada")));
    // The owner may release on any instance.
    assert_eq!(there.release("1", "Ada").await, Ok(Release::Released));
    assert_eq!(here.release("1", "Ada").await, Ok(Release::Gone));
    let again = there.reserve("1", "Bea").await;
    assert_eq!(again, Ok(Reservation::Reserved));
}

/// A reservation expired while its owner was at work, and the key has another owner now.
pub(crate) async fn a_reservation_that_is_not_mine_any_more_stays(on: Backend) {
    let builder = Dedup::builder(&on.bus, "requests");
    let short = builder.ttl(Duration::from_millis(1)).build().unwrap();
    let first = short.reserve("1", "Ada").await;
    assert_eq!(first, Ok(Reservation::Reserved));
    let (dedup, owner) = (dedup(&on.bus), "Bea".to_owned());
    reserve_when_free(&dedup, "Bea").await;
    let late = short.release("1", "Ada").await;
    assert_eq!(late, Ok(Release::NotYours { owner }));
    assert_eq!(dedup.reserve("1", "Cid").await, Ok(duplicate("Bea")));
}

pub(crate) async fn owners_and_keys_may_be_any_text(on: Backend) {
    let dedup = dedup(&on.bus);
    let texts = [
        "",
        " ",
        "\"",
        "\\",
        "\n",
        "\0",
        "a:b",
        "*",
        "[x]",
        "größer",
        "\u{2028}",
        "🦀",
        "{\"owner\":1}",
    ];
    for text in texts {
        let first = dedup.reserve(text, text).await;
        assert_eq!(first, Ok(Reservation::Reserved), "{text:?}");
        assert_eq!(dedup.reserve(text, "Bea").await, Ok(duplicate(text)));
    }
    assert_eq!(dedup.size().await, Ok(texts.len() as u64));
    for text in texts {
        let owner = text.to_owned();
        let refused = dedup.release(text, "Bea").await;
        assert_eq!(refused, Ok(Release::NotYours { owner }), "{text:?}");
        let released = dedup.release(text, text).await;
        assert_eq!(released, Ok(Release::Released), "{text:?}");
    }
    assert_eq!(dedup.size().await, Ok(0));
}

pub(crate) async fn an_owner_is_not_taken_for_another_with_a_longer_name(on: Backend) {
    let dedup = dedup(&on.bus);
    let owner = "Ada\",\"nonce\":\"1";
    let first = dedup.reserve("1", owner).await;
    assert_eq!(first, Ok(Reservation::Reserved));
    for other in [
        "Ada",
        "",
        "Ada\"",
        "Ada\",\"nonce\":\"",
        "Ada\",\"nonce\":\"12",
    ] {
        let refused = dedup.release("1", other).await;
        let owner = owner.to_owned();
        assert_eq!(refused, Ok(Release::NotYours { owner }), "{other:?}");
    }
}

pub(crate) async fn names_keep_reservations_apart(on: Backend) {
    let requests = dedup(&on.bus);
    for name in ["request", "requests2", "requests.", "Requests"] {
        let other = Dedup::builder(&on.bus, name).build().unwrap();
        let first = other.reserve("s:1", "Ada").await;
        assert_eq!(first, Ok(Reservation::Reserved), "{name}");
    }
    assert_eq!(requests.size().await, Ok(0));
    let first = requests.reserve("1", "Bea").await;
    assert_eq!(first, Ok(Reservation::Reserved));
    assert_eq!(requests.size().await, Ok(1));
    let stored = Keyspace::new(&on.bus)
        .get("requests:1")
        .await
        .unwrap()
        .unwrap();
    let stored = String::from_utf8(stored).unwrap();
    assert!(
        stored.starts_with(r#"{"owner":"Bea","nonce":""#),
        "{stored}"
    );

    for name in ["", ":", "a:", "a::b", "a b", "a*", "ä", "a\n"] {
        let error = Dedup::builder(&on.bus, name).build().unwrap_err();
        assert_eq!(error.cache(), name);
        assert!(format!("{error:#}").contains("expected letters"), "{error}");
    }
    for ttl in [
        Duration::ZERO,
        Duration::from_nanos(999_999),
        LONG * 24 * 400,
    ] {
        let error = Dedup::builder(&on.bus, "a").ttl(ttl).build().unwrap_err();
        assert!(format!("{error:#}").contains("TTL"), "{error}");
    }
}

pub(crate) async fn one_of_many_tasks_reserves(on: Backend) {
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let dedup = dedup(&on.another().await);
        tasks.spawn(async move {
            let owner = number.to_string();
            let mut reserved = Vec::new();
            for key in 0..50 {
                let reservation = dedup.reserve(&key.to_string(), &owner).await.unwrap();
                reserved.push(reservation == Reservation::Reserved);
            }
            reserved
        });
    }
    let results = tasks.join_all().await;
    for key in 0..50 {
        let winners = results.iter().filter(|reserved| reserved[key]);
        assert_eq!(winners.count(), 1, "key {key}");
    }
    assert_eq!(dedup(&on.bus).size().await, Ok(50));
}
