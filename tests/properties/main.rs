//! Random sequences of calls against a simple model, on a manual clock.

mod accounts;
mod bounds;
mod plan;
mod single_flight;
mod tags;
mod ttl_cache;

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Polls a future once.
fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(waker)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The output of a future that never waits.
fn at_once<F: Future>(future: F) -> F::Output {
    poll_once(pin!(future), Waker::noop()).expect("it waits for nothing")
}
