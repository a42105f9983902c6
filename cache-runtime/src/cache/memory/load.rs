//! A load on its way, as a shard knows it.

use std::sync::Arc;

use super::waiters::Waiters;
use crate::clock::Nanos;

/// Whether a load may be stored and shared with readers of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storing {
    Yes,
    /// Nothing is stored here, and events arrive: the load serves only its waiters.
    No,
    /// The cache is bypassed, and evictions may go unnoticed: the load serves only those who have come
    /// before it has begun.
    Bypassed,
}

impl Storing {
    /// Stores only while the cache is open.
    pub(crate) fn when(open: bool) -> Self {
        if open { Self::Yes } else { Self::Bypassed }
    }
}

/// How a load began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    /// The store's generation. Under another generation the value may not be stored.
    pub(super) generation: u64,
    /// The step of the barriers if one was raised: then the value may not be stored.
    pub(super) raised: Option<u64>,
    pub(super) storing: Storing,
}

/// A load on its way.
pub(super) struct Load<K, V> {
    pub(super) key: K,
    /// Unique among all loads of the shard, earlier ones included.
    pub(super) id: u64,
    pub(super) begun: Beginning,
    /// When it began, on the precise clock.
    pub(super) since: Nanos,
    /// Whether other callers may wait for it.
    pub(super) shared: bool,
    pub(super) callers: Callers<V>,
}

/// The callers that hold a load: the one that loads, and those that wait.
pub(super) struct Callers<V> {
    pub(super) number: usize,
    pub(super) waiting: Waiting<V>,
}

/// A load that has ended: itself, or its callers if an eviction has overtaken it.
pub(super) struct EndedLoad<K, V> {
    pub(super) load: Option<Load<K, V>>,
    pub(super) overtaken: Option<Callers<V>>,
}

impl<K, V> EndedLoad<K, V> {
    /// Those who wait for it.
    pub(super) fn waiting(&mut self) -> Option<&mut Waiting<V>> {
        let callers = self.load.as_mut().map(|load| &mut load.callers);
        let callers = callers.or(self.overtaken.as_mut())?;
        Some(&mut callers.waiting)
    }
}

impl Beginning {
    /// Whether a caller that would begin a load `now` may be given the value of this one: nothing
    /// that it may have read was evicted meanwhile, as far as this cache can tell.
    pub(super) fn serves(&self, now: &Self) -> bool {
        self.generation == now.generation && self.raised.is_none_or(|step| now.raised == Some(step))
    }
}

impl<V> Callers<V> {
    /// The one that loads.
    pub(super) fn one() -> Self {
        Self {
            number: 1,
            waiting: Waiting::default(),
        }
    }
}

/// The waiters of a load, if there are any. Dropping it without a value makes them begin anew.
pub(super) struct Waiting<V>(Option<Arc<Waiters<V>>>);

impl<V> Default for Waiting<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V> Waiting<V> {
    pub(super) fn join(&mut self) -> Arc<Waiters<V>> {
        Arc::clone(self.0.get_or_insert_with(|| Arc::new(Waiters::new())))
    }

    pub(super) fn waiters(&self) -> Option<&Arc<Waiters<V>>> {
        self.0.as_ref()
    }

    /// Takes the waiters out. The caller must give them the value.
    pub(super) fn take(&mut self) -> Option<Arc<Waiters<V>>> {
        self.0.take()
    }
}

impl<V> Drop for Waiting<V> {
    fn drop(&mut self) {
        if let Some(waiters) = &self.0 {
            waiters.give_up();
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_load_serves_those_who_come_in_the_same_step_of_a_barrier_and_generation() {
        let begun = |generation, raised| Beginning {
            generation,
            raised,
            storing: Storing::Yes,
        };
        assert!(begun(1, None).serves(&begun(1, None)));
        // What the load has read may have been evicted before the barrier was raised.
        assert!(begun(1, None).serves(&begun(1, Some(1))));
        assert!(begun(1, Some(1)).serves(&begun(1, Some(1))));
        assert!(!begun(1, Some(1)).serves(&begun(1, Some(2))));
        assert!(!begun(1, Some(1)).serves(&begun(1, None)));
        assert!(!begun(1, None).serves(&begun(2, None)));
    }
}
