//! The records that processes leave for each other.

use std::time::Duration;

use cache_runtime::__private::{Keyspace, Record};
use cache_runtime::Bus;
use cache_runtime::bus::Cause;
use support::{Admin, Server, eventually};

use crate::backend::LONG;
use crate::redis::patient;

const KEY: &str = "cache-runtime:audit";

async fn exchange(kv: &Keyspace, process: &str, most: usize) -> Vec<Record> {
    let content = format!("of {process}");
    let others = kv.exchange_records(process, content.as_bytes(), LONG, most);
    others.await.unwrap()
}

fn processes(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| &*record.process).collect()
}

/// Writes a record as if it had been written some seconds ago.
async fn left(admin: &Admin, process: &str, seconds_ago: i64, content: &str) {
    let (now, _): (i64, i64) = admin.run(&["TIME"]).await;
    let value = format!("{}:{content}", (now - seconds_ago) * 1000);
    admin.run::<()>(&["HSET", KEY, process, &value]).await;
}

#[tokio::test]
async fn each_process_finds_the_others() {
    let server = Server::start().await;
    let kv = patient(&server.url()).await;
    assert_eq!(exchange(&kv, "a", 9).await, []);
    assert_eq!(exchange(&kv, "a", 9).await, [], "not itself");
    let found = exchange(&kv, "b", 9).await;
    assert_eq!(processes(&found), ["a"]);
    assert_eq!(found[0].content, b"of a");
    assert!(found[0].age < LONG / 2, "{found:?}");
    let mut found = exchange(&kv, "c", 9).await;
    found.sort_by(|a, b| a.process.cmp(&b.process));
    assert_eq!(processes(&found), ["a", "b"]);
    let ttl: Duration = Duration::from_millis(server.admin().await.run(&["PTTL", KEY]).await);
    assert!(ttl <= LONG && ttl > LONG / 2, "{ttl:?}");
}

#[tokio::test]
async fn a_record_says_how_old_it_is_and_ends() {
    let server = Server::start().await;
    let (admin, kv) = (server.admin().await, patient(&server.url()).await);
    left(&admin, "young", 60, "1").await;
    left(&admin, "old", 50 * 60, "2").await;
    left(&admin, "over", 60 * 60, "3").await;
    // From the future: the server's clock was set back since.
    left(&admin, "early", -60, "4").await;
    left(&admin, "forged", -2 * 60 * 60, "5").await;
    let found = exchange(&kv, "me", 9).await;
    assert_eq!(processes(&found), ["early", "young", "old"]);
    let ages = found.iter().map(|record| record.age.as_secs() / 60);
    assert_eq!(ages.collect::<Vec<_>>(), [0, 1, 50]);
    let mut kept: Vec<String> = admin.run(&["HKEYS", KEY]).await;
    kept.sort();
    assert_eq!(kept, ["early", "me", "old", "young"]);
}

#[tokio::test]
async fn the_oldest_are_dropped_where_there_are_too_many() {
    let server = Server::start().await;
    let (admin, kv) = (server.admin().await, patient(&server.url()).await);
    for age in 1..10 {
        left(&admin, &age.to_string(), 60 * age, "").await;
    }
    assert_eq!(processes(&exchange(&kv, "me", 4).await), ["1", "2", "3"]);
    assert_eq!(admin.run::<u64>(&["HLEN", KEY]).await, 4);
}

#[tokio::test]
async fn what_is_no_record_is_dropped() {
    let server = Server::start().await;
    let (admin, kv) = (server.admin().await, patient(&server.url()).await);
    for value in [
        "",
        "text",
        ":1",
        "1e3:1",
        "-5:1",
        "99999999999999999999999:1",
    ] {
        admin.run::<()>(&["HSET", KEY, value, value]).await;
    }
    assert_eq!(exchange(&kv, "me", 9).await, []);
    assert_eq!(admin.run::<u64>(&["HLEN", KEY]).await, 1);
    // A value of another type is left alone.
    admin.run::<()>(&["SET", KEY, "text"]).await;
    let error = kv.exchange_records("me", b"", LONG, 9).await.unwrap_err();
    assert!(matches!(error, Cause::Server(_)), "{error:?}");
    assert_eq!(admin.run::<String>(&["GET", KEY]).await, "text");
}

#[tokio::test]
async fn the_list_ends_with_its_last_record() {
    let server = Server::start().await;
    let (admin, kv) = (server.admin().await, patient(&server.url()).await);
    let short = Duration::from_millis(30);
    kv.exchange_records("me", b"", short, 9).await.unwrap();
    let exists = async || admin.run::<u64>(&["EXISTS", KEY]).await;
    eventually("the key to expire", exists, |found| *found == 0).await;
}

#[tokio::test]
async fn there_is_no_other_process_without_a_server() {
    let bus = Bus::in_process();
    assert_eq!(exchange(&Keyspace::new(&bus), "a", 9).await, []);
    assert_eq!(exchange(&Keyspace::new(&bus.clone()), "b", 9).await, []);
    assert_eq!(Keyspace::new(&bus).count("").await, Ok(0));
}
