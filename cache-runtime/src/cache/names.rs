//! Which names a cache may have.

use super::error::BuildError;

/// Checks a name that only audits and errors show.
pub(super) fn check_name(cache: &str) -> Result<(), BuildError> {
    if cache.is_empty() || cache.chars().any(char::is_control) {
        let what = "expected at least one character, and none that is invisible";
        return Err(BuildError::new(cache, format!("name {cache:?}: {what}")));
    }
    Ok(())
}

/// Checks a name that begins the keys of a cache in Redis. Without a `:` it ends where the rest of
/// a key begins, and access rules need not quote it.
pub(super) fn check_key_name(cache: &str) -> Result<(), BuildError> {
    let spelled = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if cache.is_empty() || !cache.chars().all(spelled) {
        let what = format!("name {cache:?}: expected letters, digits, `-`, `_`, `.`");
        return Err(BuildError::new(cache, what));
    }
    Ok(())
}
