//! When an event is to be sent, and how often.

use std::time::Duration;

use crate::clock::Instant;

/// Within which time an event is to be sent once. It is never sent before, and after only if the
/// server does not take it, or in a cluster, if a node does not take another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    from: Instant,
    until: Instant,
}

/// The windows of an event, in order. None overlap: one event sent in both is enough for both.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<Window>);

impl Window {
    pub(super) fn at(now: Instant) -> Self {
        Self {
            from: now,
            until: now,
        }
    }

    /// Once a time has passed, within as much time again.
    pub(super) fn after(now: Instant, lag: Duration) -> Self {
        Self {
            from: now + lag,
            until: now + 2 * lag,
        }
    }

    /// The part that is not over.
    fn rest(self, now: Instant) -> Self {
        Self {
            from: self.from.max(now),
            until: self.until.max(now),
        }
    }

    fn both(self, other: Self) -> Option<Self> {
        let both = Self {
            from: self.from.max(other.from),
            until: self.until.min(other.until),
        };
        (both.from <= both.until).then_some(both)
    }
}

impl Times {
    /// When the first window begins.
    pub(super) fn first(&self) -> Option<Instant> {
        self.0.first().map(|window| window.from)
    }

    /// How often the event is to be sent.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn join(&mut self, window: Window, now: Instant) {
        // Those that have begun are one from now on.
        let begun = self.begun(now);
        if begun > 0 {
            let first = self.0.drain(..begun).next();
            self.0.splice(..0, first.map(|first| first.rest(now)));
        }
        let window = window.rest(now);
        for known in self.0.iter_mut().rev() {
            if let Some(both) = known.both(window) {
                *known = both;
                return;
            }
        }
        let place = self.0.partition_point(|known| known.from < window.from);
        self.0.insert(place, window);
    }

    pub(super) fn join_all(&mut self, others: &Self, now: Instant) {
        for window in &others.0 {
            self.join(*window, now);
        }
    }

    /// Removes the windows that have begun, and returns how many.
    pub(super) fn take(&mut self, now: Instant) -> usize {
        let begun = self.begun(now);
        self.0.drain(..begun).count()
    }

    fn begun(&self, now: Instant) -> usize {
        self.0.partition_point(|window| window.from <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn different_lags_are_apart_in_any_order() {
        let now = Instant::now();
        for lags in [[1, 60], [60, 1]] {
            let mut times = Times::default();
            for lag in lags {
                times.join(Window::after(now, lag * SECOND), now);
            }
            // A second one with the short lag begins while the first one still waits.
            let later = now + SECOND / 2;
            times.join(Window::after(later, SECOND), later);
            assert_eq!(times.len(), 2);
            assert_eq!(times.first(), Some(later + SECOND), "both short ones");
            assert_eq!(times.take(later + SECOND), 1);
            assert_eq!(times.first(), Some(now + 60 * SECOND));
        }
    }

    #[test]
    fn what_waits_for_the_server_is_one() {
        let now = Instant::now();
        let mut times = Times::default();
        for n in 0..100 {
            let now = now + n * SECOND;
            times.join(Window::at(now), now);
            times.join(Window::after(now, SECOND), now);
        }
        assert!(times.len() <= 3, "{times:?}");
    }

    /// Whatever is asked for, and whenever the event is sent.
    #[test]
    fn each_is_sent_within_its_window_and_few_are_kept() {
        let start = Instant::now();
        let mut random = 42_u32;
        let mut millis = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Duration::from_millis(u64::from((random >> 8) % below))
        };
        for _ in 0..200 {
            let (mut times, mut asked) = (Times::default(), Vec::new());
            let mut now = start;
            while now < start + 60 * SECOND || times.len() > 0 {
                if now < start + 60 * SECOND {
                    let window = Window::after(now, millis(10_000));
                    times.join(window, now);
                    asked.push(window);
                }
                assert!(times.len() < 40, "{}", times.len());
                now += millis(100);
                // The sender wakes when a window begins.
                while let Some(at) = times.first().filter(|at| *at <= now) {
                    assert!(times.take(at) > 0);
                    let due = |window: &Window| window.from <= at;
                    for window in asked.extract_if(.., |window| due(window)) {
                        assert!(at <= window.until, "{window:?} at {at:?}");
                    }
                }
            }
            assert!(asked.is_empty(), "never sent: {asked:?}");
        }
    }
}
