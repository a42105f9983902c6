//! Three processes of the service on one Redis: what each reads after another has written, and what
//! happens when one of them, or Redis, is gone.

mod fleet;
mod http;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use fleet::Fleet;
use http::{Answer, Request, request};
use support::{Server, eventually};
use tokio::io::AsyncWriteExt;

fn lamp(cents: u32) -> String {
    format!(r#"{{"name":"lamp","cents":{cents}}}"#)
}

async fn put(url: &str, id: u32, cents: u32) -> Answer {
    request(url, "PUT", &format!("/products/{id}"), &lamp(cents)).await
}

async fn get(url: &str, path: &str) -> Answer {
    request(url, "GET", path, "").await
}

/// What an instance reads, and whether it came from the cache.
async fn reads(url: &str, id: u32, cents: u32, from: &str) {
    let answer = get(url, &format!("/products/{id}")).await;
    assert_eq!((answer.status, &*answer.body), (200, &*lamp(cents)));
    assert_eq!(answer.header("x-cache"), Some(from));
}

#[tokio::test]
async fn a_confirmed_change_is_read_everywhere() {
    let server = Server::start().await;
    let fleet = Fleet::start(&server.url()).await;
    let [a, b, c] = &fleet.urls;
    for url in &fleet.urls {
        let is_ready = async || get(url, "/ready").await.status;
        eventually("the instance to be ready", is_ready, |status| {
            *status == 200
        })
        .await;
    }

    // `b` has cached that there is none.
    for from in ["load", "hit"] {
        let none = get(b, "/products/7").await;
        assert_eq!((none.status, none.header("x-cache")), (404, Some(from)));
    }
    assert_eq!(put(a, 7, 1).await.status, 204);
    for url in [b, c, a] {
        reads(url, 7, 1, "load").await;
        reads(url, 7, 1, "hit").await;
    }

    // Each writes in turn, while the others are read all the time.
    let (confirmed, is_over) = (AtomicU32::new(1), AtomicBool::new(false));
    let reader = async |url: &str| {
        let mut reads = 0;
        while !is_over.load(Ordering::Relaxed) {
            let least = confirmed.load(Ordering::Relaxed);
            let answer = get(url, "/products/7").await;
            let (_, cents) = answer.body.split_once("\"cents\":").unwrap();
            let cents: u32 = cents.trim_end_matches('}').parse().unwrap();
            assert!(
                cents >= least,
                "{url} read {cents} after {least} was confirmed"
            );
            reads += 1;
        }
        assert!(reads > 10, "{url} was read {reads} times");
    };
    let writer = async {
        for cents in 2..60 {
            let url = &fleet.urls[cents as usize % 3];
            assert_eq!(put(url, 7, cents).await.status, 204);
            confirmed.store(cents, Ordering::Relaxed);
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(writer, reader(a), reader(b), reader(c));

    let metrics = get(b, "/metrics").await;
    let hits = metrics.body.lines().find(|line| {
        line.starts_with("cache_reads_total")
            && line.contains("=\"hit\"")
            && line.contains("products")
    });
    assert!(
        hits.is_some_and(|line| !line.ends_with(" 0")),
        "{}",
        metrics.body
    );
    let page = get(b, "/caches").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        page.body.contains("<h1>Products, instance b</h1>"),
        "{}",
        page.body
    );
    let json = get(b, "/caches/json").await;
    assert!(
        json.body.contains(r#""name":"products","kind":"coherent""#),
        "{}",
        json.body
    );

    let gone = request(c, "DELETE", "/products/7", "").await;
    assert_eq!(gone.status, 204);
    for url in &fleet.urls {
        assert_eq!(get(url, "/products/7").await.status, 404);
    }
    let output = fleet.end().await;
    assert!(output.status.success(), "{output:?}");
    for name in ["a", "b", "c"] {
        output.says(&format!("{name} has ended: every event was sent"));
    }
}

#[tokio::test]
async fn an_instance_is_killed_and_redis_is_away() {
    let mut server = Server::start().await;
    let mut fleet = Fleet::start(&server.url()).await;
    let [a, b, c] = &fleet.urls.clone();
    assert_eq!(put(c, 7, 1).await.status, 204);
    reads(b, 7, 1, "load").await;

    fleet.kill("c").await;
    // Confirmed when the lease of the instance that was killed has ended.
    assert_eq!(put(a, 7, 2).await.status, 204);
    reads(b, 7, 2, "load").await;

    server.kill9();
    for url in [a, b] {
        let is_ready = async || get(url, "/ready").await;
        let down = eventually("the instance not to be ready", is_ready, |ready| {
            ready.status == 503
        })
        .await;
        assert!(
            down.body.contains("the server cannot be reached"),
            "{down:?}"
        );
        assert_eq!(get(url, "/live").await.status, 200);
        assert!(
            get(url, "/caches")
                .await
                .body
                .contains("Only this process is shown")
        );
    }
    // The change is made, and the others are told when Redis is back. Nobody serves the old value.
    let accepted = put(a, 7, 3).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    for url in [a, b] {
        reads(url, 7, 3, "load").await;
        reads(url, 7, 3, "load").await;
    }
    server.restart().await;
    for url in [a, b] {
        let cached = async || {
            let answer = get(url, "/products/7").await;
            assert_eq!(answer.body, lamp(3));
            answer.header("x-cache") == Some("hit")
        };
        eventually("the cache to be used again", cached, |is_hit| *is_hit).await;
        assert_eq!(get(url, "/ready").await.status, 200);
    }
    let output = fleet.end().await;
    output.says("a has ended: every event was sent");
    assert!(!output.status.success(), "one was killed: {output:?}");
}

#[tokio::test]
async fn an_end_is_graceful_and_says_what_is_unsent() {
    let mut server = Server::start().await;
    let fleet = Fleet::start(&server.url()).await;
    let [a, b, _] = &fleet.urls;
    // It is being handled, and its body is not here yet.
    let body = lamp(5);
    let mut begun = Request::begin(b, "PUT", "/products/7", body.len()).await;
    server.kill9();
    assert_eq!(put(a, 8, 1).await.status, 202);

    fleet.terminate();
    let refused = async || {
        tokio::net::TcpStream::connect(b.trim_start_matches("http://"))
            .await
            .is_err()
    };
    eventually("no more connections to be taken", refused, |is| *is).await;
    begun.stream.write_all(body.as_bytes()).await.unwrap();
    assert_eq!(begun.answer().await.status, 202);

    let output = fleet.end().await;
    assert_eq!(output.status.code(), Some(1));
    output.says("a has ended: 1 event was not sent: 1 of cache:products");
    output.says("b has ended: 1 event was not sent: 1 of cache:products");
    output.says("c has ended: every event was sent");
}
