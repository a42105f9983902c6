//! A list of what lives, which keeps nothing alive.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Shorter lists are not worth looking through for what is dead.
const SHORT: usize = 32;

/// A list whose dead are struck off now and then, so that it is never much longer than twice the
/// number of the living.
pub(crate) struct Roll<T: ?Sized>(Mutex<Names<T>>);

struct Names<T: ?Sized> {
    names: Vec<Weak<T>>,
    /// How long the list gets before the dead are struck off.
    limit: usize,
}

impl<T: ?Sized> Roll<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Names {
            names: Vec::new(),
            limit: SHORT,
        }))
    }

    pub(crate) fn add(&self, one: Weak<T>) {
        let mut roll = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if roll.names.len() >= roll.limit {
            roll.names.retain(|other| other.strong_count() > 0);
            roll.limit = (roll.names.len() * 2).max(SHORT);
        }
        roll.names.push(one);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .names
            .len()
    }

    /// All that live, in the order in which they came.
    pub(crate) fn living(&self) -> Vec<Arc<T>> {
        // Nothing is dropped under the lock: what is dropped may be the last of its kind.
        let roll = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roll.names.iter().filter_map(Weak::upgrade).collect()
    }
}
