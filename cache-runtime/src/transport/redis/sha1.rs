//! SHA-1, which scripts can compute on the server too.

/// The hash in hexadecimal digits, as the server names scripts.
pub(super) fn sha1(text: &str) -> String {
    redis::Script::new(text).get_hash().to_owned()
}
