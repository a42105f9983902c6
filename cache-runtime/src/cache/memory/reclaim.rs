//! Frees the memory of entries in small steps, after everything was evicted.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::yield_now;

use super::engine::Engine;
use crate::io_thread;

/// A cache whose memory is reclaimed.
pub(crate) trait Reclaims: Send + Sync + 'static {
    type Key: Hash + Eq;
    type Value: Clone;

    fn engine(&self) -> (&Engine<Self::Key, Self::Value>, &Reclaiming);
}

/// Whether a thread is reclaiming for the cache.
#[derive(Debug, Default)]
pub(crate) struct Reclaiming(AtomicBool);

impl Reclaiming {
    /// Makes a thread free the memory of what was evicted up to now. The thread ends with the
    /// cache.
    ///
    /// Call it after everything was evicted. Either a thread is running, which looks at the
    /// generation once more before it ends, or this starts one. That needs the strict order of all
    /// accesses.
    pub(crate) fn start<C: Reclaims>(&self, cache: &Arc<C>) {
        if self.0.load(Ordering::SeqCst) || self.0.swap(true, Ordering::SeqCst) {
            return;
        }
        let cache = Arc::downgrade(cache);
        io_thread::spawn_blocking(move || {
            let (mut part, mut generation) = (0, None);
            while let Some(cache) = cache.upgrade() {
                let (engine, reclaiming) = cache.engine();
                if part < engine.parts() {
                    generation.get_or_insert(engine.generation());
                    engine.reclaim(part);
                    part += 1;
                } else {
                    reclaiming.0.store(false, Ordering::SeqCst);
                    let current = generation.take() == Some(engine.generation());
                    // If everything was evicted again meanwhile, this or another thread goes on.
                    if current || reclaiming.0.swap(true, Ordering::SeqCst) {
                        return;
                    }
                    part = 0;
                }
                drop(cache);
                yield_now();
            }
        });
    }
}
