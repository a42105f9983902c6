//! The audit as a page for browsers: what looks wrong, every cache, and every channel.
//!
//! [`AuditPage`] is a service of `tower`, so axum, hyper and others mount it in one line, here axum:
//!
//! ```text
//! Router::new().nest_service("/caches", AuditPage::of(&bus))
//! ```
//!
//! Any other server calls [`AuditPage::respond`].
//!
//! | request | response |
//! |---|---|
//! | `GET /caches` | the page |
//! | `GET /caches/json`, `GET /caches?json`, or one that prefers `application/json` | the audit as JSON |
//! | `HEAD` | the same without the body |
//! | other methods | status 405 |
//!
//! The page is one document, without anything from elsewhere. It asks for itself again every five
//! seconds, shows how old it is, and says so when it could not be refreshed. Meanwhile it keeps the
//! reader's place and filter. Without JavaScript, the browser loads it again instead.
//!
//! # Who may see it
//!
//! **Mount it behind your own authentication**: it has none. It reveals the names of caches, channels,
//! events and services, paths in the source, addresses of servers and access rules in the reasons why a
//! bus is not live, the errors of your loaders, and how much is read and changed. It shows no keys and no
//! values, unless an error of a loader names them. It changes nothing, so a request that another site
//! forges does no harm.
//!
//! What comes from elsewhere is escaped. The header `content-security-policy` lets the page run its own
//! script, by its hash, and nothing else; if a layer of yours replaces that header, it has to contain
//! what [`content_security_policy`] returns.

mod accept;
mod caches;
mod channels;
mod document;
mod flags;
mod html;
mod policy;
mod rows;
mod view;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use tower_service::Service;

use crate::bus::handle::Bus;
use crate::defaults::PAGE_REFRESH;

use view::View;

/// The `content-security-policy` that the page is sent with.
#[must_use]
pub fn content_security_policy() -> &'static str {
    &policy::POLICY
}

/// The audit as a page for browsers, and as JSON. [`page`](self) says how to mount it, and what it
/// reveals.
///
/// A clone shows the same.
#[derive(Debug, Clone)]
pub struct AuditPage {
    bus: Option<Bus>,
    title: Arc<str>,
    refresh: Duration,
}

impl AuditPage {
    /// A page of what [`audit()`](crate::audit()) lists. It asks no server.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a page is not a plain value")]
    pub fn new() -> Self {
        Self {
            bus: None,
            title: "Caches and channels".into(),
            refresh: PAGE_REFRESH,
        }
    }

    /// A page of what [`Bus::audit`] lists, which knows of other instances, with the health of the bus.
    ///
    /// Each request for it makes one round trip to Redis. If Redis does not answer, the page shows what
    /// this process knows, and the reason. It keeps the bus alive.
    #[must_use]
    pub fn of(bus: &Bus) -> Self {
        Self {
            bus: Some(bus.clone()),
            ..Self::new()
        }
    }

    /// The title, such as the name of the service and of the instance. By default it is
    /// `Caches and channels`.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into().into();
        self
    }

    /// The time from one refresh to the next, at least one second. By default it is
    /// [`PAGE_REFRESH`].
    #[must_use]
    pub fn refresh_every(mut self, time: Duration) -> Self {
        self.refresh = time.max(Duration::from_secs(1));
        self
    }

    /// The response to a request, as the table at [`page`](self) says.
    ///
    /// It locks each part of each cache for a moment, as [`audit()`](crate::audit()) does.
    ///
    /// # Cancel safety
    ///
    /// Safe: at most, this process has left its record, as [`Bus::audit`] says.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::page::AuditPage;
    /// use http::Request;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), http::Error> {
    /// let request = Request::get("/caches/json").body(())?;
    /// let response = AuditPage::new().respond(&request).await;
    /// assert_eq!(response.headers()["content-type"], "application/json");
    /// assert!(response.body().starts_with("{\"rows\":["));
    /// # Ok(())
    /// # }
    /// ```
    pub fn respond<B>(
        &self,
        request: &Request<B>,
    ) -> impl Future<Output = Response<String>> + Send + use<'_, B> {
        // The future keeps nothing of the request, whose body may not be `Sync`.
        self.answer(Asked::by(
            request.method(),
            request.uri(),
            request.headers(),
        ))
    }

    async fn answer(&self, asked: Asked) -> Response<String> {
        let Asked::Form { json, body } = asked else {
            let mut response = response("this page answers GET and HEAD\n".to_owned(), PLAIN);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
            return response;
        };
        let view = View::of(self.bus.as_ref(), &self.title, self.refresh).await;
        let mut response = if json {
            response(view.to_json(), JSON)
        } else {
            let mut response = response(document::write(&view), HTML);
            let policy = HeaderValue::from_static(content_security_policy());
            let name = header::CONTENT_SECURITY_POLICY;
            response.headers_mut().insert(name, policy);
            response
        };
        if !body {
            response.body_mut().clear();
        }
        response
    }
}

/// What a request asks for.
enum Asked {
    /// The page or its JSON, with or without the body.
    Form {
        json: bool,
        body: bool,
    },
    Other,
}

impl Asked {
    fn by(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let body = *method == Method::GET;
        if !body && *method != Method::HEAD {
            return Self::Other;
        }
        let json = accept::wants_json(uri, headers);
        Self::Form { json, body }
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";

fn response(body: String, content_type: &'static str) -> Response<String> {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // For `HEAD` as well, whose body is empty.
    headers.insert(header::CONTENT_LENGTH, length);
    response
}

/// It never fails, and is always ready. The body of the request is not read.
impl<B> Service<Request<B>> for AuditPage {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let page = self.clone();
        let asked = Asked::by(request.method(), request.uri(), request.headers());
        Box::pin(async move { Ok(page.answer(asked).await) })
    }
}
