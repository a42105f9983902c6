//! Whether Redis is away, and the log of what goes wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::{Nanos, precise};
use crate::health::Cause;

/// How long Redis is left alone after it did not answer: whoever asks a frozen server waits until the
/// response timeout.
const PAUSE: Nanos = 500_000_000;

/// Least time between two lines in the log about the same kind of failure.
const LOG_EVERY: Nanos = 1_000_000_000;

/// Remembers that Redis did not answer, so that not everybody has to find out.
#[derive(Debug, Default)]
pub(super) struct Away {
    /// When it may be asked again; 0 while it answers.
    until: AtomicU64,
    cause: Mutex<Option<Cause>>,
}

impl Away {
    /// Why not to ask. Once the pause is over one caller is let through, and decides for all.
    pub(super) fn cause(&self) -> Option<Cause> {
        let until = self.until.load(Ordering::Acquire);
        if until == 0 {
            return None;
        }
        let now = precise();
        if now >= until {
            let again = (self.until).compare_exchange(
                until,
                now + PAUSE,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if again.is_ok() {
                return None;
            }
        }
        self.known()
    }

    /// Why it did not answer, if it did not when it was asked last.
    pub(super) fn last(&self) -> Option<Cause> {
        (self.until.load(Ordering::Acquire) != 0)
            .then(|| self.known())
            .flatten()
    }

    fn known(&self) -> Option<Cause> {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        cause.clone()
    }

    /// Takes note of how asking has ended.
    pub(super) fn heard<T>(&self, answer: &Result<T, Cause>) {
        match answer {
            Err(cause @ (Cause::Timeout(_) | Cause::Unreachable(_))) => {
                let mut known = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
                *known = Some(cause.clone());
                self.until.store(precise() + PAUSE, Ordering::Release);
            }
            // An answer, if no welcome one.
            _ => {
                if self.until.load(Ordering::Acquire) != 0 {
                    self.until.store(0, Ordering::Release);
                }
            }
        }
    }
}

/// Keeps one kind of failure from flooding the log.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    next: AtomicU64,
    skipped: AtomicU64,
}

impl Throttle {
    /// Whether to log now, and how many were not logged since the last time.
    pub(super) fn admit(&self) -> Option<u64> {
        let (now, next) = (precise(), self.next.load(Ordering::Relaxed));
        let due = now >= next
            && (self.next)
                .compare_exchange(next, now + LOG_EVERY, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if due {
            return Some(self.skipped.swap(0, Ordering::Relaxed));
        }
        self.skipped.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_question_spares_others_and_an_answer_ends_it() {
        let away = Away::default();
        assert_eq!(away.cause(), None);
        let cause = Cause::Timeout("frozen".into());
        away.heard(&Err::<(), _>(cause.clone()));
        assert_eq!(away.cause(), Some(cause));
        away.heard(&Err::<(), _>(Cause::Server("no memory".into())));
        assert_eq!(away.cause(), None);
    }

    #[test]
    fn after_the_pause_one_tries() {
        let away = Away::default();
        away.heard(&Err::<(), _>(Cause::Timeout("frozen".into())));
        away.until.store(1, Ordering::Release);
        assert_eq!(away.cause(), None);
        assert!(away.cause().is_some(), "the others wait for the one");
    }

    #[test]
    fn a_flood_is_one_line() {
        let throttle = Throttle::default();
        let lines = (0..1000).filter_map(|_| throttle.admit()).count();
        assert!((1..=2).contains(&lines), "{lines}");
    }
}
