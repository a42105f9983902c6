//! What a bus connects to, as the program says it.

use super::credentials::Credentials;

/// An address, and what it does not say. The address may hold a password.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    /// For Sentinels. Those of the address are for the servers.
    pub(crate) sentinel_credentials: Option<Credentials>,
}

impl Target {
    pub(crate) fn new(address: String) -> Self {
        Self {
            address,
            sentinel_credentials: None,
        }
    }
}
