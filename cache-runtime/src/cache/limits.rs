//! The limits of settings: of times, and of numbers of entries.

use std::time::Duration;

use super::error::BuildError;

/// The longest time that a setting may have: a year, or 366 days.
pub(super) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The most entries: the tables under the caches number them with 32 bits.
const MOST_ENTRIES: usize = 1 << 31;

/// Checks a time: at least a millisecond, at most a year.
pub(super) fn check_time(cache: &str, what: &str, time: Duration) -> Result<(), BuildError> {
    if time < Duration::from_millis(1) || time > LONGEST {
        let what = format!("{what} of {time:?}: expected at least 1 ms and at most a year");
        return Err(BuildError::new(cache, what));
    }
    Ok(())
}

/// Checks a time that may be zero: at most a year.
pub(super) fn check_longest(cache: &str, what: &str, time: Duration) -> Result<(), BuildError> {
    if time > LONGEST {
        let what = format!("{what} of {time:?}: expected at most a year");
        return Err(BuildError::new(cache, what));
    }
    Ok(())
}

/// Checks a number of entries.
pub(super) fn check_entries(cache: &str, entries: usize) -> Result<(), BuildError> {
    if !(1..=MOST_ENTRIES).contains(&entries) {
        let what = format!("max_entries of {entries}: expected 1 to {MOST_ENTRIES}");
        return Err(BuildError::new(cache, what));
    }
    Ok(())
}
