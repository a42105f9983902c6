//! A handler that records events.

use std::fmt::{self, Debug};

use tokio::sync::watch;
use tokio::time::timeout;

use crate::DEADLINE;

/// Records, in order, what a handler receives. Clones share the record.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let seen = support::Recorder::new();
/// let handler = seen.handler(); // for `subscribe`
/// handler(7);
/// seen.until("the event", |events| events.contains(&7)).await;
/// # }
/// ```
pub struct Recorder<T> {
    items: watch::Sender<Vec<T>>,
}

impl<T: Clone + Debug + Send + Sync + 'static> Recorder<T> {
    /// An empty record.
    #[must_use]
    pub fn new() -> Self {
        Self {
            items: watch::Sender::new(Vec::new()),
        }
    }

    /// A handler that records its argument.
    pub fn handler(&self) -> impl Fn(T) + Clone + Send + Sync + 'static {
        let recorder = self.clone();
        move |item| recorder.record(item)
    }

    /// Appends `item`.
    pub fn record(&self, item: T) {
        self.items.send_modify(|items| items.push(item));
    }

    /// Everything so far.
    #[must_use]
    pub fn seen(&self) -> Vec<T> {
        self.items.borrow().clone()
    }

    /// Everything so far. The record is empty afterwards.
    #[must_use = "use `clear` to forget"]
    pub fn take(&self) -> Vec<T> {
        self.items.send_replace(Vec::new())
    }

    /// Empties the record.
    pub fn clear(&self) {
        drop(self.take());
    }

    /// Waits until the record satisfies `condition`, and returns it.
    ///
    /// # Panics
    ///
    /// After [`DEADLINE`], with what was `expected` and the record.
    pub async fn until(&self, expected: &str, condition: impl Fn(&[T]) -> bool) -> Vec<T> {
        let mut items = self.items.subscribe();
        let Ok(items) = timeout(DEADLINE, items.wait_for(|items| condition(items))).await else {
            panic!("expected {expected} within {DEADLINE:?}; recorded: {self:#?}");
        };
        items.expect("`self` holds the sender").clone()
    }
}

impl<T: Clone + Debug + Send + Sync + 'static> Default for Recorder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Recorder<T> {
    fn clone(&self) -> Self {
        Self {
            items: self.items.clone(),
        }
    }
}

impl<T: Debug> Debug for Recorder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.items.borrow().iter()).finish()
    }
}
