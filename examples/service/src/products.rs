//! The products: how they are read, changed, and evicted where they are cached.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use cache_runtime::{BuildError, Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};

use crate::database::{Database, Product};

/// A product has changed.
#[derive(Debug, InvalidationEvent)]
enum ProductEvent {
    Product { product_id: i64 },
    All,
}

#[cache_invalidation(channel = "cache:products", event = ProductEvent)]
#[derive(Clone)]
struct ProductChanges;

/// How long a product is cached if it does not change.
const TTL: Duration = Duration::from_secs(600);

/// The products, cached in this process.
#[derive(Clone)]
pub(crate) struct Products {
    database: Database,
    changes: ProductChanges,
    /// `None` is a product that does not exist.
    cache: CoherentCache<i64, Option<Product>>,
}

impl Products {
    pub(crate) fn new(bus: &Bus, database: Database) -> Result<Self, BuildError> {
        let changes = ProductChanges::new(bus);
        let cache = CoherentCache::builder("products", TTL)
            .evict_on(&changes, |event| match event {
                ProductEvent::Product { product_id } => Evict::key(*product_id),
                ProductEvent::All => Evict::All,
            })
            .build()?;
        Ok(Self {
            database,
            changes,
            cache,
        })
    }

    pub(crate) fn routes(self) -> Router {
        let of_one = get(read).put(put).delete(delete);
        Router::new()
            .route("/products/{id}", of_one)
            .with_state(self)
    }

    /// Makes a change, and tells all instances.
    async fn change(
        &self,
        id: i64,
        work: impl Future<Output = rusqlite::Result<()>>,
    ) -> Result<Response, Failure> {
        // Taken before the change: if this handler is cancelled meanwhile, the event is sent all the same.
        let event = ProductEvent::Product { product_id: id };
        let change = self.changes.begin_change(event);
        work.await?;
        Ok(match change.committed().confirmed().await {
            Ok(_) => StatusCode::NO_CONTENT.into_response(),
            // The change is made. Its event is sent when Redis is back; until then other instances
            // may have the old value.
            Err(error) => {
                eprintln!("not confirmed: {error:#}");
                let text = "the change is made; other instances are told later\n";
                (StatusCode::ACCEPTED, text).into_response()
            }
        })
    }
}

async fn read(State(products): State<Products>, Path(id): Path<i64>) -> Result<Response, Failure> {
    let is_loaded = AtomicBool::new(false);
    let load = || {
        is_loaded.store(true, Ordering::Relaxed);
        products.database.get(id)
    };
    let product = products.cache.try_get_or_load(&id, load).await?;
    let from = if is_loaded.into_inner() {
        "load"
    } else {
        "hit"
    };
    let answer = match product {
        Some(product) => Json(product).into_response(),
        None => (StatusCode::NOT_FOUND, "no such product\n").into_response(),
    };
    Ok(([("x-cache", from)], answer).into_response())
}

async fn put(
    State(products): State<Products>,
    Path(id): Path<i64>,
    Json(product): Json<Product>,
) -> Result<Response, Failure> {
    let work = products.database.put(id, product);
    products.change(id, work).await
}

async fn delete(
    State(products): State<Products>,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let work = products.database.delete(id);
    products.change(id, work).await
}

/// The database has failed. Its words are for the log, and not for the client.
struct Failure(String);

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("the database has failed: {}", self.0);
        let text = "the database has failed\n";
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}
