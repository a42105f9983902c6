//! The settings of an instance, from the environment.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What an instance has to know. It cannot be printed, because the address may have a password.
pub(crate) struct Settings {
    /// `NAME`: how logs, audits and Redis call it.
    pub(crate) name: String,
    /// `LISTEN`: where it takes requests.
    pub(crate) listen: SocketAddr,
    /// `REDIS_URL`
    pub(crate) redis: String,
    /// `DATABASE`: the file of SQLite.
    pub(crate) database: PathBuf,
    /// `ENDS_WITH_STDIN`: ends when its standard input does, so with the process that has started it.
    pub(crate) ends_with_stdin: bool,
}

impl Settings {
    pub(crate) fn from_environment() -> Result<Self, String> {
        let required = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
        let listen = required("LISTEN")?;
        Ok(Self {
            name: required("NAME")?,
            listen: listen
                .parse()
                .map_err(|error| format!("LISTEN: {listen}: {error}"))?,
            redis: required("REDIS_URL")?,
            database: required("DATABASE")?.into(),
            ends_with_stdin: env::var_os("ENDS_WITH_STDIN").is_some(),
        })
    }
}
