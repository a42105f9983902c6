//! The bus without a server: what subscribers get, in which order, and what may not disturb them.

mod delivery;
mod faults;
mod lifetime;
mod settings;

use std::future::Future;
use std::time::Duration;

use cache_runtime::{InvalidationEvent, cache_invalidation};

/// Numbered, so that order and losses show.
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

/// Waits for what must come. The limit only keeps a broken build from hanging.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let limited = tokio::time::timeout(Duration::from_secs(20), future);
    limited
        .await
        .unwrap_or_else(|_| panic!("still waiting for {what}"))
}
