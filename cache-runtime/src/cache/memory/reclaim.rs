//! Frees the memory of entries in small steps, after everything was evicted.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, yield_now};

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
        let mut running = Running {
            cache,
            ended: false,
        };
        // The concurrency checker has to run everything on threads of its own, and the simulation on one.
        if cfg!(any(shuttle, simulation)) {
            return drop(io_thread::spawn(async move { running.reclaim() }));
        }
        let thread = thread::Builder::new().name("cache-reclaim".to_owned());
        // Without a thread, `running` is dropped: memory is freed as it is used again.
        let _ = thread.spawn(move || running.reclaim());
    }
}

/// The thread. However it ends, another one may be started.
struct Running<C: Reclaims> {
    cache: Weak<C>,
    /// It has said so itself.
    ended: bool,
}

impl<C: Reclaims> Running<C> {
    fn reclaim(&mut self) {
        let (mut part, mut generation) = (0, None);
        while let Some(cache) = self.cache.upgrade() {
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
                    self.ended = true;
                    return;
                }
                part = 0;
            }
            drop(cache);
            yield_now();
        }
    }
}

impl<C: Reclaims> Drop for Running<C> {
    fn drop(&mut self) {
        if !self.ended
            && let Some(cache) = self.cache.upgrade()
        {
            let (_, reclaiming) = cache.engine();
            reclaiming.0.store(false, Ordering::SeqCst);
        }
    }
}
