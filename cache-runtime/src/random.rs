//! Random numbers that need not be secret: ids, nonces, jitter.

#[cfg(not(simulation))]
use std::hash::{BuildHasher, RandomState};

/// A random number. The system seeds it, so that two calls practically never return the same, even in
/// different processes. In a simulation, its seed does.
pub(crate) fn number() -> u64 {
    #[cfg(simulation)]
    return crate::simulation::random::number();
    #[cfg(not(simulation))]
    // Every `RandomState` has its own keys.
    RandomState::new().hash_one(0)
}

/// 32 random hexadecimal digits, as unlikely to be repeated as a [`number`].
pub(crate) fn nonce() -> String {
    format!("{:016x}{:016x}", number(), number())
}
