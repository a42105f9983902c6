//! A list that does not keep its items alive.

use std::sync::{Arc, Weak};

use crate::sync::Mutex;

/// Dropped items are not removed from lists shorter than this.
const SHORT: usize = 32;

/// A list of weak references. Dropped items are removed now and then, so that the list is never
/// much longer than twice the number of living items.
pub(crate) struct WeakList<T: ?Sized>(Mutex<Items<T>>);

struct Items<T: ?Sized> {
    items: Vec<Weak<T>>,
    /// The length at which dropped items are removed.
    limit: usize,
}

impl<T: ?Sized> WeakList<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Items {
            items: Vec::new(),
            limit: SHORT,
        }))
    }

    pub(crate) fn add(&self, item: Weak<T>) {
        let mut list = self.0.lock();
        if list.items.len() >= list.limit {
            list.items.retain(|other| other.strong_count() > 0);
            list.limit = (list.items.len() * 2).max(SHORT);
        }
        list.items.push(item);
    }

    /// Adds an item if it fits each living one.
    pub(crate) fn add_if<E>(
        &self,
        item: &Arc<T>,
        mut fits: impl FnMut(&T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut list = self.0.lock();
        list.items.retain(|other| other.strong_count() > 0);
        // Dropped after the lock is released, because each may be the last one.
        let living: Vec<_> = list.items.iter().filter_map(Weak::upgrade).collect();
        let fitting = living.iter().try_for_each(|other| fits(other));
        if fitting.is_ok() {
            list.items.push(Arc::downgrade(item));
        }
        drop(list);
        fitting
    }

    /// The living items, in the order in which they were added.
    pub(crate) fn living(&self) -> Vec<Arc<T>> {
        // An `Arc` returned here may be the last one. The caller drops it, without holding the
        // lock.
        let list = self.0.lock();
        list.items.iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(list: &WeakList<i32>) -> usize {
        list.0.lock().items.len()
    }

    #[test]
    fn dropped_items_are_not_listed() {
        let list = WeakList::new();
        let (a, b) = (Arc::new(1), Arc::new(2));
        list.add(Arc::downgrade(&a));
        list.add(Arc::downgrade(&b));
        assert_eq!(list.living(), [Arc::clone(&a), b]);
        drop(a);
        assert!(list.living().is_empty());
    }

    #[test]
    fn dropped_items_are_removed() {
        let list = WeakList::new();
        let living: Vec<_> = (0..100).map(Arc::new).collect();
        for item in &living {
            list.add(Arc::downgrade(item));
        }
        for i in 0..10_000 {
            list.add(Arc::downgrade(&Arc::new(i)));
        }
        assert_eq!(list.living(), living);
        assert!(length(&list) <= 2 * living.len() + 32, "{}", length(&list));
    }
}
