//! Freeing the memory of what was evicted with everything else, in small steps.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime;
use tokio::task::yield_now;

use super::Engine;

/// A cache whose memory is freed.
pub(super) trait Releases: Send + Sync + 'static {
    type Key: Hash + Eq;
    type Value: Clone;

    fn engine(&self) -> (&Engine<Self::Key, Self::Value>, &Releasing);
}

/// Whether a task of the cache is at it.
#[derive(Debug, Default)]
pub(super) struct Releasing(AtomicBool);

impl Releasing {
    /// Has a task free the memory of what was evicted up to now. It ends with the cache.
    ///
    /// Whoever has just evicted everything either finds that a task is at it, which will look once
    /// more before it ends, or starts one: hence the strict order of all accesses.
    pub(super) fn start<C: Releases>(
        &self,
        runtime: impl FnOnce() -> runtime::Handle,
        cache: &Arc<C>,
    ) {
        if self.0.load(Ordering::SeqCst) || self.0.swap(true, Ordering::SeqCst) {
            return;
        }
        let cache = Arc::downgrade(cache);
        runtime().spawn(async move {
            let (mut part, mut generation) = (0, None);
            while let Some(cache) = cache.upgrade() {
                let (engine, releasing) = cache.engine();
                if part < engine.parts() {
                    generation.get_or_insert(engine.generation());
                    engine.release(part);
                    part += 1;
                } else {
                    releasing.0.store(false, Ordering::SeqCst);
                    let current = generation.take() == Some(engine.generation());
                    // Unless everything was evicted again meanwhile, and nobody else has begun.
                    if current || releasing.0.swap(true, Ordering::SeqCst) {
                        return;
                    }
                    part = 0;
                }
                drop(cache);
                yield_now().await;
            }
        });
    }
}
