//! The subscribers of a channel.

use std::sync::Arc;

use crate::sync::RwLock;

/// A list that is read at every event and rarely changes. Readers iterate over a snapshot without a
/// lock, so a subscriber that is called may itself subscribe, publish and unsubscribe.
pub(crate) struct Subscribers<T: ?Sized>(RwLock<Arc<[Arc<T>]>>);

impl<T: ?Sized> Subscribers<T> {
    pub(super) fn new() -> Self {
        Self(RwLock::new(Arc::new([])))
    }

    pub(crate) fn snapshot(&self) -> Arc<[Arc<T>]> {
        Arc::clone(&self.0.read())
    }

    pub(crate) fn add(&self, subscriber: Arc<T>) {
        let mut list = self.0.write();
        *list = list.iter().cloned().chain([subscriber]).collect();
    }

    pub(crate) fn remove(&self, subscriber: &Arc<T>) {
        let mut list = self.0.write();
        *list = list
            .iter()
            .filter(|other| !Arc::ptr_eq(other, subscriber))
            .cloned()
            .collect();
    }
}
