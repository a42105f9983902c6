//! Fails commands at once while Redis does not answer, so that callers need not wait for it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Nanos;
use crate::driver::Driver;
use crate::health::Cause;
use crate::sync::Mutex;

/// How long callers send no command after Redis did not answer: 500 ms. A command to a frozen
/// server takes as long as the response timeout.
const PAUSE: Nanos = 500_000_000;

/// Open while Redis is known not to answer.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// When the next command may be sent; 0 while the breaker is closed.
    open_until: AtomicU64,
    cause: Mutex<Option<Cause>>,
    driver: Driver,
}

impl Breaker {
    pub(super) fn new(driver: &Driver) -> Self {
        Self {
            driver: driver.clone(),
            ..Self::default()
        }
    }

    /// Fails while the breaker is open. After the pause one caller passes, and its result decides
    /// for all.
    pub(super) fn check(&self) -> Result<(), Cause> {
        let until = self.open_until.load(Ordering::Acquire);
        if until == 0 {
            return Ok(());
        }
        let now = self.driver.now();
        if now >= until {
            let again = self.open_until.compare_exchange(
                until,
                now + PAUSE,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if again.is_ok() {
                return Ok(());
            }
        }
        self.cause.lock().clone().map_or(Ok(()), Err)
    }

    /// Why Redis did not answer the latest command; `None` if it did.
    pub(super) fn cause(&self) -> Option<Cause> {
        if self.open_until.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.cause.lock().clone()
    }

    /// Takes note of the result of a command.
    pub(super) fn record<T>(&self, result: &Result<T, Cause>) {
        match result {
            Err(cause @ (Cause::Timeout(_) | Cause::Unreachable(_))) => {
                let mut known = self.cause.lock();
                *known = Some(cause.clone());
                let until = self.driver.now() + PAUSE;
                self.open_until.store(until, Ordering::Release);
            }
            // Any other error is an answer too.
            _ => {
                if self.open_until.load(Ordering::Acquire) != 0 {
                    self.open_until.store(0, Ordering::Release);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_opens_it_and_an_answer_closes_it() {
        let breaker = Breaker::default();
        assert_eq!(breaker.check(), Ok(()));
        let cause = Cause::Timeout("frozen".into());
        breaker.record(&Err::<(), _>(cause.clone()));
        assert_eq!(breaker.check(), Err(cause.clone()));
        assert_eq!(breaker.cause(), Some(cause));
        breaker.record(&Err::<(), _>(Cause::Server("no memory".into())));
        assert_eq!((breaker.check(), breaker.cause()), (Ok(()), None));
    }

    #[test]
    fn after_the_pause_one_caller_tries() {
        let breaker = Breaker::default();
        breaker.record(&Err::<(), _>(Cause::Timeout("frozen".into())));
        breaker.open_until.store(1, Ordering::Release);
        assert_eq!(breaker.check(), Ok(()));
        assert!(breaker.check().is_err(), "the others wait for its result");
    }
}
