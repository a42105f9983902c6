//! Rows that the server refuses.

use std::collections::HashSet;
use std::time::Instant;

use crate::defaults::BACKOFF_MAX;

/// The most rows that are remembered.
const MOST: usize = 10_000;

/// The ids of rows that wait until they are tried again, so that others need not wait for them. Of more
/// than can be remembered, the rest does not wait.
#[derive(Default)]
pub(super) struct Refused {
    ids: HashSet<i64>,
    until: Option<Instant>,
}

impl Refused {
    /// Lets all be tried again if they have waited for long enough.
    pub(super) fn begin_sweep(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            *self = Self::default();
        }
    }

    pub(super) fn holds(&self, id: i64) -> bool {
        self.ids.contains(&id)
    }

    pub(super) fn add(&mut self, ids: Vec<i64>, now: Instant) {
        self.until.get_or_insert(now + BACKOFF_MAX);
        let room = MOST - self.ids.len();
        self.ids.extend(ids.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut refused, now) = (Refused::default(), Instant::now());
        let most = i64::try_from(MOST).unwrap();
        refused.add((0..most - 1).collect(), now);
        refused.add(vec![most, most + 1], now);
        refused.add(vec![most + 2], now);
        assert_eq!(refused.ids.len(), MOST);
        assert!(refused.holds(most) && !refused.holds(most + 1));
        refused.begin_sweep(now + BACKOFF_MAX);
        assert!(!refused.holds(most));
        refused.add(vec![most + 1], now);
        assert!(refused.holds(most + 1));
    }
}
