//! One instance, from its start to its end.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use cache_runtime::page::AuditPage;
use cache_runtime::{Bus, metrics};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::database::Database;
use crate::end;
use crate::health;
use crate::products::Products;
use crate::settings::Settings;

/// How long a start waits for Redis.
const LIVE: Duration = Duration::from_secs(5);
/// How long requests that have begun may take when the instance ends.
const REQUESTS: Duration = Duration::from_secs(5);
/// How long events that Redis has not taken yet are tried once more when the instance ends.
const EVENTS: Duration = Duration::from_secs(5);

/// Serves until the instance is asked to end. The code says whether every event was sent.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode, Box<dyn Error>> {
    let name = &settings.name;
    let database = Database::open(&settings.database)?;
    // Also starts while Redis is down: reads go to the database, and `/ready` says no.
    let bus = Bus::redis(&settings.redis).name(name).connect_lazy()?;
    let app = app(&bus, name, database)?;

    // Usually a few milliseconds. Until then, reads would go to the database.
    match timeout(LIVE, bus.ready()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("{name} starts without Redis: {error:#}"),
        Err(_) => eprintln!("{name} starts without Redis: {}", bus.health()),
    }

    let listener = TcpListener::bind(settings.listen).await?;
    println!("{name} listens at http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        drop(stopped.await);
    });
    let server = tokio::spawn(async move { server.await });

    end::asked_for(settings.ends_with_stdin).await?;
    // From here on it takes no connections, and ends those that have no request.
    drop(stop);
    match timeout(REQUESTS, server).await {
        Ok(result) => result??,
        Err(_) => eprintln!("{name}: requests were cut off"),
    }
    let unsent = bus.close_within(EVENTS).await;
    println!("{name} has ended: {unsent}");
    Ok(if unsent.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn app(bus: &Bus, name: &str, database: Database) -> Result<Router, Box<dyn Error>> {
    let exporter = PrometheusBuilder::new().install_recorder()?;
    metrics::describe();
    let scrape = async move || {
        metrics::record();
        exporter.render()
    };
    let page = AuditPage::of(bus).title(format!("Products, instance {name}"));
    Ok(Products::new(bus, database)?
        .routes()
        .merge(health::routes(bus.clone()))
        .route("/metrics", get(scrape))
        // In production behind your own authentication, as `/metrics` is.
        .nest_service("/caches", page))
}
