//! Values in cache lines of their own: so that what is written often does not slow down reads of its
//! neighbours, nor is slowed down by them.

use std::ops::Deref;

/// A value in cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Line<T>(T);

impl<T> Line<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
