//! The bus without a server: what subscribers receive, and in which order, also under faults.

mod delivery;
mod faults;
mod lifetime;
mod settings;

use std::future::Future;
use std::time::Duration;

use cache_runtime::{InvalidationEvent, cache_invalidation};

/// Numbered events, so that their order and losses are visible.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum NumberEvent {
    Number { n: u64 },
    All,
}

#[cache_invalidation(channel = "cache:numbers", event = NumberEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Numbers;

#[cache_invalidation(channel = "cache:numbers", event = NumberEvent)]
pub(crate) struct NumbersToo;

#[cache_invalidation(channel = "cache:letters", event = LetterEvent)]
pub(crate) struct Letters;

#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum LetterEvent {
    Letter { letter: String },
    All,
}

pub(crate) fn number(n: u64) -> NumberEvent {
    NumberEvent::Number { n }
}

/// Awaits a future that must end. The limit of 20 s only keeps a failing test from hanging.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let limited = tokio::time::timeout(Duration::from_secs(20), future);
    limited
        .await
        .unwrap_or_else(|_| panic!("still waiting for {what}"))
}
