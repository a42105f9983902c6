//! What a bus connects to, as the program says it.

use super::credentials::{Credentials, Source};
use super::tls::Tls;

/// An address, and what it does not say. The address may hold a password.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    /// Instead of those of the address.
    pub(crate) credentials: Option<Source>,
    /// For Sentinels. Those of the address are for the servers.
    pub(crate) sentinel_credentials: Option<Credentials>,
    pub(crate) tls: Tls,
}

impl Target {
    pub(crate) fn new(address: String) -> Self {
        Self {
            address,
            credentials: None,
            sentinel_credentials: None,
            tls: Tls::default(),
        }
    }
}
