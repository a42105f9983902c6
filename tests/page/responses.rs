//! What the page answers, without a browser.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use cache_runtime::page::{AuditPage, content_security_policy};
use cache_runtime::{Bus, TtlCache};
use serde_json::Value;
use std::time::Duration;
use support::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::Site;

const LONG: Duration = Duration::from_secs(3600);

async fn respond(page: &AuditPage, method: &str, uri: &str, accept: &str) -> Response<String> {
    let request = Request::builder().method(method).uri(uri);
    let request = request.header("accept", accept).body(()).unwrap();
    page.respond(&request).await
}

#[tokio::test]
async fn a_browser_gets_html_and_others_json() {
    let cache = TtlCache::<u32, u32>::builder("responses-html", LONG);
    let _cache = cache.build().unwrap();
    let page = AuditPage::new();
    let html = respond(&page, "GET", "/caches", "text/html,*/*;q=0.8").await;
    assert_eq!(html.status(), 200);
    assert!(html.body().contains("responses-html"), "{html:?}");
    let headers = html.headers();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(
        headers["content-security-policy"],
        content_security_policy()
    );
    let policy = content_security_policy();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );

    for (uri, accept) in [
        ("/caches", "application/json"),
        ("/caches?json", "text/html"),
        ("/caches/json", "text/html"),
    ] {
        let json = respond(&page, "GET", uri, accept).await;
        assert_eq!(json.headers()["content-type"], "application/json");
        assert_eq!(json.headers()["cache-control"], "no-store");
        let json: Value = serde_json::from_str(json.body()).unwrap();
        let mut rows = json["rows"].as_array().unwrap().iter();
        assert!(rows.any(|row| row["name"] == "responses-html"), "{json}");
        assert_eq!(json["instancesError"], Value::Null);
    }
}

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let page = AuditPage::new();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let response = respond(&page, method, "/", "*/*").await;
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()["allow"], "GET, HEAD");
    }
    for uri in ["/", "/json"] {
        let head = respond(&page, "HEAD", uri, "*/*").await;
        assert_eq!((head.status().as_u16(), &**head.body()), (200, ""));
        let length = head.headers()["content-length"].to_str().unwrap();
        assert!(length.parse::<usize>().unwrap() > 10, "{length}");
    }
}

#[tokio::test]
async fn without_redis_it_shows_this_process_and_the_reason() {
    let cache = TtlCache::<u32, u32>::builder("responses-alone", LONG);
    let _cache = cache.build().unwrap();
    let server = Server::start().await;
    let bus = Bus::redis(server.url()).connect().await.unwrap();
    let page = AuditPage::of(&bus);
    drop(server);
    let html = respond(&page, "GET", "/", "text/html").await;
    assert!(
        html.body()
            .contains("Only this process is shown: other instances")
    );
    let json = respond(&page, "GET", "/json", "*/*").await;
    let json: Value = serde_json::from_str(json.body()).unwrap();
    assert!(json["instancesError"].is_string(), "{json}");
    assert!(json["rows"].to_string().contains("responses-alone"));
}

/// The first lines of the answer of a real server, up to the empty one, and the rest.
async fn over_http(url: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))
        .await
        .unwrap();
    let request = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn axum_mounts_it_in_one_line() {
    let bus = Bus::in_process();
    let site = Site::start(&bus).await;
    let (head, body) = over_http(&site.url, "GET /caches").await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(
        body.starts_with("<!doctype html>") && body.ends_with("</html>\n"),
        "{body}"
    );
    let (head, body) = over_http(&site.url, "GET /caches/json").await;
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(body.starts_with("{\"rows\":["), "{body}");
    let (head, body) = over_http(&site.url, "HEAD /caches").await;
    assert!(
        head.contains("content-length: ") && !head.contains("content-length: 0"),
        "{head}"
    );
    assert_eq!(body, "");
    let (head, _) = over_http(&site.url, "POST /caches").await;
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");

    // With one path, and not those below.
    let _app: Router = Router::new().route_service("/caches", AuditPage::new());
    // Whatever the body is.
    let request = Request::new(Body::empty());
    assert_eq!(AuditPage::new().respond(&request).await.status(), 200);
}
