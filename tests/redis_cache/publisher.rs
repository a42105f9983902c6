//! What publishing does to caches in Redis, and which failures it reports.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use cache_runtime::Bus;
use cache_runtime::bus::Cause;
use cache_runtime::service::PublishError;
use support::{Direction, Proxy, Server, eventually, within};

use crate::coherent::Instance;
use crate::fixture::{LONG, Place, connect, never, text};

/// Forbids the default user to delete, or allows it again.
async fn may_delete(server: &Server, may: bool) {
    let sign = if may { '+' } else { '-' };
    let rules = [format!("{sign}del"), format!("{sign}unlink")];
    let admin = server.admin().await;
    admin
        .run::<()>(&["ACL", "SETUSER", "default", &rules[0], &rules[1]])
        .await;
}

/// The caches that an error names.
fn not_evicted(error: &PublishError) -> Vec<&str> {
    error.not_evicted().map(|(cache, _)| cache).collect()
}

#[tokio::test]
async fn names_the_cache_that_could_not_evict_and_tries_again() {
    let server = Server::start().await;
    let here = Instance::on(connect(&server).await).await;
    let there = Instance::on(connect(&server).await).await;
    here.fill("a", "old").await;
    here.fill("b", "B").await;
    assert_eq!(there.get("a").await.as_deref(), Some("old"));

    may_delete(&server, false).await;
    let error = here.texts.invalidate_text("a").await.unwrap_err();
    assert_eq!(not_evicted(&error), ["texts"]);
    assert!(error.is_published(), "the event has left all the same");
    assert!(!error.is_invalid_event());
    assert!(
        matches!(error.cause(), Some(Cause::Refused(_))),
        "{error:?}"
    );
    let text_of = format!("{error:#}");
    let start = "published to channel `cache:texts`, but cache `texts` could not evict in Redis: ";
    assert!(text_of.starts_with(start), "{text_of}");

    // An instance that has seen the event does not read the old value.
    assert!(here.cache.get("a").await.is_err());
    assert_eq!(
        here.cache
            .try_get_or_load("a", || text("new"))
            .await
            .unwrap(),
        "new"
    );
    let there_knows = async || there.cache.get("a").await;
    eventually("the event to arrive", there_knows, Result::is_err)
        .await
        .unwrap_err();
    // Other entries are not affected.
    assert_eq!(here.get("b").await.as_deref(), Some("B"));

    may_delete(&server, true).await;
    let get = async || here.cache.get("a").await.ok();
    eventually("the deletion to be made up for", get, Option::is_some).await;
    let place = Place::over(server);
    let stored = async || place.stored("cache-runtime:coherent:{texts}:v:a").await;
    eventually("the old value to be gone", stored, Option::is_none).await;
    here.texts.invalidate_text("a").await.unwrap();
}

#[tokio::test]
async fn says_both_where_the_event_could_not_leave_either() {
    let mut server = Server::start().await;
    let here = Instance::on(connect(&server).await).await;
    here.fill("a", "A").await;
    server.kill9();
    let error = here.texts.invalidate_text("a").await.unwrap_err();
    assert_eq!(not_evicted(&error), ["texts"]);
    assert!(!error.is_published());
    assert!(error.cause().is_some());
    let text_of = format!("{error:#}");
    let start = "the event for channel `cache:texts` is deferred and will be sent later, and cache \
                 `texts` could not evict in Redis: ";
    assert!(text_of.starts_with(start), "{text_of}");
    assert_eq!(here.texts.stats().publish_failures, 1);
}

#[tokio::test]
async fn deletes_once_for_an_event_that_comes_back() {
    let server = Server::start().await;
    let (here, admin) = (
        Instance::on(connect(&server).await).await,
        server.admin().await,
    );
    for times in 1..=20 {
        here.fill("a", "A").await;
        let before = admin.calls("del").await;
        here.texts.invalidate_text("a").await.unwrap();
        let received = async || here.texts.stats().received;
        eventually("the event to come back", received, |number| {
            *number == times
        })
        .await;
        here.loses("a").await;
        assert_eq!(admin.calls("del").await, before + 1);
    }
}

#[tokio::test]
async fn sends_the_deletion_and_the_event_in_one_round_trip() {
    let server = Server::start().await;
    let (proxy, admin) = (Proxy::to(server.port()).await, server.admin().await);
    // No canary is published meanwhile.
    let bus = Bus::redis(proxy.url()).heartbeat(LONG / 4).lease(LONG);
    let bus = bus.response_timeout(LONG).connect().await.unwrap();
    let here = Instance::on(bus).await;
    here.fill("a", "A").await;
    let before = [admin.calls("publish").await, admin.calls("del").await];
    // Neither is answered.
    proxy.black_hole(Direction::ToClient);
    let publishing = tokio::spawn(async move { here.texts.invalidate_text("a").await });
    let published = async || admin.calls("publish").await;
    let is_one_more = |published: &u64| *published == before[0] + 1;
    eventually("the event to be published", published, is_one_more).await;
    assert_eq!(admin.calls("del").await, before[1] + 1);
    publishing.abort();
}

/// As in a branch of `select!` that is not polled any more while another branch reads.
#[tokio::test]
async fn that_is_not_polled_any_more_holds_up_no_read() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url()).response_timeout(LONG);
    let here = Instance::on(bus.connect().await.unwrap()).await;
    let context = &mut Context::from_waker(Waker::noop());
    let publishing = loop {
        here.fill("a", "old").await;
        let mut publishing = Box::pin(here.texts.invalidate_text("a"));
        // Otherwise the server has answered already.
        if publishing.as_mut().poll(context).is_pending() {
            break publishing;
        }
    };
    let read = here.cache.try_get_or_load("a", || text("new"));
    assert_eq!(within("the value", read).await.unwrap(), "new");
    assert_eq!(here.cache.stats().redis_errors, 0);
    publishing.await.unwrap();
}

#[tokio::test]
async fn given_up_it_has_evicted_all_the_same() {
    for place in [Place::in_process(), Place::redis().await] {
        let here = Instance::new(&place).await;
        let there = Instance::new(&place).await;
        here.fill("a", "A").await;
        {
            // A future that is polled once has begun.
            let publishing = pin!(here.texts.invalidate_text("a"));
            drop(tokio::time::timeout(Duration::ZERO, publishing).await);
        }
        assert_eq!(here.get("a").await, None);
        assert_eq!(there.get("a").await, None);
    }
}

#[tokio::test]
async fn after_the_end_of_a_cache_empties_it_no_more() {
    let server = Server::start().await;
    let Instance { bus, texts, cache } = Instance::on(connect(&server).await).await;
    assert_eq!(cache.try_get_or_load("a", || text("A")).await.unwrap(), "A");
    drop(cache);
    may_delete(&server, false).await;
    texts.invalidate_text("a").await.unwrap();
    assert_eq!(
        texts.health(),
        cache_runtime::bus::Health::Idle,
        "it has unsubscribed"
    );
    // Nothing else of the cache is left.
    drop((bus, texts));
    let admin = server.admin().await;
    let clients = async || admin.clients().await;
    eventually("no connection to be left", clients, Vec::is_empty).await;
}

#[tokio::test]
async fn many_at_once_are_all_applied() {
    for place in [Place::in_process(), Place::redis().await] {
        let (here, there) = (Instance::new(&place).await, Instance::new(&place).await);
        // More keys than are queued one by one.
        for key in 0..50 {
            here.fill(&key.to_string(), "old").await;
        }
        let keys = (0..3000).map(|key: u32| key.to_string()).collect();
        let texts = crate::fixture::TextEvent::Texts { keys };
        let (published, ()) = tokio::join!(here.texts.publish(&texts), async {
            for key in 0..50u32 {
                here.texts.invalidate_text(key.to_string()).await.unwrap();
            }
        });
        published.unwrap();
        for key in 0..50 {
            assert_eq!(here.get(&key.to_string()).await, None);
            assert_eq!(there.get(&key.to_string()).await, None);
        }
        here.fill("a", "A").await;
        assert_eq!(there.cache.try_get_or_load("a", never).await.unwrap(), "A");
    }
}

#[tokio::test]
async fn a_closed_bus_says_so() {
    let here = Instance::on(Bus::in_process()).await;
    here.fill("a", "A").await;
    here.bus.close().await;
    let error = here.texts.invalidate_text("a").await.unwrap_err();
    assert!(error.is_closed(), "{error:?}");
}
