//! A service that runs in several instances: products in SQLite, cached in the memory of each.
//!
//! Three instances on one database and one Redis, by one command:
//!
//! ```sh
//! cargo run -p service -- --redis redis://127.0.0.1
//! ```
//!
//! It prints their addresses. Change a product on one, and read it on another:
//!
//! ```sh
//! curl -X PUT localhost:PORT/products/7 -H 'content-type: application/json' \
//!   -d '{"name":"lamp","cents":1999}'
//! curl -i localhost:OTHER/products/7          # `x-cache: load`, then `x-cache: hit`
//! ```
//!
//! | path | |
//! |---|---|
//! | `GET /products/{id}` | reads through the cache |
//! | `PUT /products/{id}`, `DELETE /products/{id}` | writes, and returns when no instance has the old value |
//! | `/caches` | the page of the audit; **put it behind your own authentication** |
//! | `/metrics` | for Prometheus |
//! | `/ready` | whether to send requests here; never restart by it |
//! | `/live` | whether to restart |
//!
//! In production, one instance a process: `service instance`, with its settings in the environment.

mod database;
mod end;
mod health;
mod instance;
mod products;
mod settings;
mod three;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("service: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["instance"] => instance::run(Settings::from_environment()?).await,
        [] => three::run("redis://127.0.0.1").await,
        ["--redis", url] => three::run(url).await,
        _ => Err("usage: service [--redis redis://host:port], or: service instance".into()),
    }
}
