//! Panics of loaders that run in the background.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

/// A future whose panics are caught, when it is polled and when it is dropped. It is `None` after a
/// panic.
pub(super) struct Caught<'a, T>(Option<BoxFuture<'a, T>>);

impl<'a, T> Caught<'a, T> {
    pub(super) fn new(future: BoxFuture<'a, T>) -> Self {
        Self(Some(future))
    }

    fn end(&mut self) {
        let future = self.0.take();
        // There is nothing to do about a panic here: the load has ended.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    }
}

impl<T> Future for Caught<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(future) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        let output = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Some(output),
            Err(_) => None,
        };
        self.end();
        Poll::Ready(output)
    }
}

impl<T> Drop for Caught<'_, T> {
    fn drop(&mut self) {
        self.end();
    }
}
