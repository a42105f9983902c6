//! Random numbers that need not be secret: ids, nonces, jitter.

use std::hash::{BuildHasher, RandomState};

/// A number that no other call returns, in any process. The system seeds it.
pub(crate) fn number() -> u64 {
    // Every `RandomState` has keys of its own.
    RandomState::new().hash_one(0)
}

/// 32 hexadecimal digits that no other call returns, in any process.
pub(crate) fn nonce() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}
