//! User names and passwords.

use std::fmt;

/// A user name and a password, or a token that serves as one.
///
/// Neither is shown by `Debug`.
#[derive(Clone)]
pub struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: String,
}

impl Credentials {
    /// A user name and its password. An empty name is the default user.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        let user = Some(user.into()).filter(|user| !user.is_empty());
        Self {
            user,
            password: password.into(),
        }
    }
}

/// Without the user name and the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
