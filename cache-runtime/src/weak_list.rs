//! A list of what lives, which keeps nothing alive.

use std::sync::{Arc, Weak};

use crate::sync::Mutex;

/// Shorter lists are not searched for what is dead.
const SHORT: usize = 32;

/// Entries whose value is gone are removed now and then, so that the list is never much longer than
/// twice the number of the living.
pub(crate) struct WeakList<T: ?Sized>(Mutex<List<T>>);

struct List<T: ?Sized> {
    entries: Vec<Weak<T>>,
    /// The length at which the dead are removed.
    limit: usize,
}

impl<T: ?Sized> WeakList<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(List {
            entries: Vec::new(),
            limit: SHORT,
        }))
    }

    pub(crate) fn add(&self, one: Weak<T>) {
        let mut list = self.0.lock();
        if list.entries.len() >= list.limit {
            list.entries.retain(|other| other.strong_count() > 0);
            list.limit = (list.entries.len() * 2).max(SHORT);
        }
        list.entries.push(one);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    /// All that live, in the order in which they were added.
    pub(crate) fn living(&self) -> Vec<Arc<T>> {
        // Nothing is dropped under the lock: a dropped value may be the last of its kind.
        let list = self.0.lock();
        list.entries.iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_not_on_it() {
        let list = WeakList::new();
        let (a, b) = (Arc::new(1), Arc::new(2));
        list.add(Arc::downgrade(&a));
        list.add(Arc::downgrade(&b));
        assert_eq!(list.living(), [Arc::clone(&a), b]);
        drop(a);
        assert!(list.living().is_empty());
    }

    #[test]
    fn the_dead_are_struck_off() {
        let list = WeakList::new();
        let living: Vec<_> = (0..100).map(Arc::new).collect();
        for one in &living {
            list.add(Arc::downgrade(one));
        }
        for i in 0..10_000 {
            list.add(Arc::downgrade(&Arc::new(i)));
        }
        assert_eq!(list.living(), living);
        assert!(list.len() <= 2 * living.len() + 32, "{}", list.len());
    }
}
