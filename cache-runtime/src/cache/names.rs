//! Which names a cache may have.

use super::error::BuildError;
use crate::settings::{BESIDE_PREFIX, is_in_names};

/// Checks a name that only audits and errors show.
pub(super) fn check_name(cache: &str) -> Result<(), BuildError> {
    if cache.is_empty() || cache.chars().any(char::is_control) {
        let what = "expected at least one character, and none that is invisible";
        return Err(BuildError::new(cache, format!("name {cache:?}: {what}")));
    }
    Ok(())
}

/// Checks a name that begins the keys of a cache in Redis.
pub(super) fn check_key_name(cache: &str) -> Result<(), BuildError> {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_in_names);
    if !cache.split(':').all(is_part) {
        let what = format!(
            "name {cache:?}: expected letters, digits, `-`, `_`, `.`, and `:` between them"
        );
        return Err(BuildError::new(cache, what));
    }
    if format!("{cache}:").starts_with(BESIDE_PREFIX) {
        let what =
            format!("name {cache:?}: keys that begin with `{BESIDE_PREFIX}` are the library's own");
        return Err(BuildError::new(cache, what));
    }
    Ok(())
}
