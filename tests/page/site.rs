//! A site with the page, and what may happen to a site.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use axum::routing::any;
use cache_runtime::Bus;
use cache_runtime::page::AuditPage;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a request for the page gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Answer {
    Page,
    /// Status 503.
    Unavailable,
    /// The page of a site that wants its visitors to sign in.
    SignIn,
}

/// Serves the page in two ways: at `/caches` as it is, at `/watched` with the answer that is set.
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) requests: Arc<AtomicU32>,
    answer: Arc<AtomicU8>,
    task: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn start(bus: &Bus) -> Self {
        let page = AuditPage::of(bus)
            .title("Orders <b>1</b>")
            .refresh_every(Duration::from_secs(1));
        let requests = Arc::<AtomicU32>::default();
        let answer = Arc::<AtomicU8>::default();
        let watched = {
            let (page, requests, answer) = (page.clone(), requests.clone(), answer.clone());
            any(move |request: Request| async move {
                requests.fetch_add(1, Ordering::Relaxed);
                let answer = answer.load(Ordering::Relaxed);
                let mut response = if answer == Answer::SignIn as u8 {
                    let mut response = Response::new("<h1>Sign in</h1>".to_owned());
                    let html = "text/html".parse().expect("a header");
                    response.headers_mut().insert("content-type", html);
                    response
                } else {
                    page.respond(&request).await
                };
                if answer == Answer::Unavailable as u8 {
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                }
                response
            })
        };
        let app = Router::new()
            .nest_service("/caches", page)
            .route("/watched", watched);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            url,
            requests,
            answer,
            task,
        }
    }

    pub(crate) fn answers(&self, answer: Answer) {
        self.answer.store(answer as u8, Ordering::Relaxed);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}
