//! A predicate over entries that does not name the type of their values, so that `Evict` need not.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;

/// A predicate over the key and the value of an entry, as
/// [`Evict::matching_entry`](crate::Evict::matching_entry) makes it.
pub struct EntryPredicate<K> {
    /// An [`Accepts`].
    accepts: Box<dyn Any + Send + Sync>,
    value: &'static str,
    key: PhantomData<fn(&K)>,
}

type Accepts<K, V> = Box<dyn Fn(&K, &V) -> bool + Send + Sync>;

impl<K: 'static> EntryPredicate<K> {
    pub(super) fn new<V: 'static>(
        accepts: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Self {
        let accepts: Accepts<K, V> = Box::new(accepts);
        Self {
            accepts: Box::new(accepts),
            value: type_name::<V>(),
            key: PhantomData,
        }
    }

    /// The predicate, if it is one over values of this type.
    pub(super) fn over<V: 'static>(&self) -> Option<impl Fn(&K, &V) -> bool> {
        self.accepts.downcast_ref::<Accepts<K, V>>()
    }
}

impl<K> EntryPredicate<K> {
    /// The type of the values that it is about.
    pub(super) fn value(&self) -> &'static str {
        self.value
    }
}

impl<K> fmt::Debug for EntryPredicate<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryPredicate")
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn is_a_predicate_over_its_own_type_of_values_only() {
        let predicate = EntryPredicate::new(|key: &u8, value: &String| value.len() > (*key).into());
        let accepts = predicate.over::<String>().expect("its own type");
        assert!(accepts(&1, &"ab".to_owned()));
        assert!(!accepts(&2, &"ab".to_owned()));
        assert!(predicate.over::<&str>().is_none());
        assert!(predicate.over::<Option<String>>().is_none());
        assert!(predicate.value().ends_with("String"));
    }
}
