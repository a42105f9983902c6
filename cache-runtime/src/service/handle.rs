//! The [`Invalidator`] within a service.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::invalidator::Invalidator;
use crate::bus::Bus;
use crate::channel::DeclaredChannel;
use crate::event::InvalidationEvent;

/// The [`Invalidator`] within a service.
///
/// Its type does not name the event. So a service is a complete type even if its event lacks the
/// derive, and the compiler reports only the missing derive.
#[doc(hidden)]
#[derive(Clone)]
pub struct Handle {
    invalidator: Arc<dyn Any + Send + Sync>,
    declared: &'static DeclaredChannel,
}

/// The compiler names this type where a derive stands above `#[cache_invalidation]`: it then sees the
/// struct that the user wrote, without the field for the [`Handle`].
#[doc(hidden)]
#[derive(Debug)]
pub struct MoveDerivesBelowCacheInvalidation;

impl Handle {
    #[doc(hidden)]
    #[must_use]
    pub fn new<E: InvalidationEvent>(bus: &Bus, declared: &'static DeclaredChannel) -> Self {
        Self {
            invalidator: Arc::new(Invalidator::<E>::new(bus, declared)),
            declared,
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn get<E: InvalidationEvent>(&self) -> &Invalidator<E> {
        let invalidator = self.invalidator.downcast_ref();
        invalidator.expect("a service has one event")
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidator")
            .field("channel", &self.declared.channel())
            .field("event", &self.declared.schema().name())
            .finish_non_exhaustive()
    }
}
