//! What a load balancer and an orchestrator ask.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use cache_runtime::Bus;

pub(crate) fn routes(bus: Bus) -> Router {
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .with_state(bus)
}

/// Whether requests should come here: not while events cannot be published, so that changes go to an
/// instance that can tell the others. An instance that ends takes no connections any more.
async fn ready(State(bus): State<Bus>) -> (StatusCode, String) {
    match bus.check().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(cause) => (StatusCode::SERVICE_UNAVAILABLE, format!("{cause}\n")),
    }
}
