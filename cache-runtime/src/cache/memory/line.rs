//! Values that are written often, kept from slowing down their neighbours.

use std::ops::Deref;

/// A value in cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Line<T>(T);

impl<T> Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
