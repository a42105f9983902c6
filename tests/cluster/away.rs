//! Reads of a cache that is bypassed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use cache_runtime::coherent::WhileDown;
use support::{Direction, Proxy, Server, eventually};
use tokio::sync::Notify;

use crate::caches::{Items, Kind, LONG, bus, coherent};
use crate::clock::now;

/// Callers share a load only while its value may not be too old. No event tells them of changes
/// since the load began.
#[tokio::test]
async fn share_no_load_that_began_longer_ago_than_the_bound() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let bus_of = async |url: &str| bus(url).connect().await.expect("the server is running");
    let cut_off = bus_of(&proxy.url()).await;
    let cache = coherent(&Items::new(&cut_off), WhileDown::Bypass, LONG);
    let elsewhere = Items::new(&bus_of(&server.url()).await);
    cut_off.ready().await.unwrap();
    proxy.black_hole(Direction::Both);
    let live = async || cache.health().is_live();
    eventually("the cache to notice", live, |live| !live).await;

    // One load has read the first value, and has not returned yet.
    let value = Arc::new(AtomicU64::new(1));
    let (found, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = tokio::spawn({
        let (cache, value) = (cache.clone(), Arc::clone(&value));
        let (found, go_on) = (Arc::clone(&found), Arc::clone(&go_on));
        async move {
            let load = async || {
                let value = value.load(Ordering::Relaxed);
                found.notify_one();
                go_on.notified().await;
                value
            };
            cache.get_or_load("key", load).await
        }
    });
    found.notified().await;
    value.store(2, Ordering::Relaxed);
    elsewhere.invalidate_item("key").await.unwrap();
    let evicted = now();
    let over = async || now() > evicted + Kind::Bypass.bound();
    eventually("the time to pass", over, |over| *over).await;

    let late = cache.get_or_load("key", async || value.load(Ordering::Relaxed));
    let mut late = pin!(late);
    // The late caller has loaded, or waits for the slow load.
    let begun = poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx))).await;
    go_on.notify_one();
    assert_eq!(slow.await.unwrap(), 1);
    let late = match begun {
        Poll::Ready(value) => value,
        Poll::Pending => late.await,
    };
    assert_eq!(late, 2, "it was found before the eviction");
}
