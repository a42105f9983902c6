//! Where an instance finds its servers, and as whom it logs in.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_runtime::bus::{BusBuilder, Credentials};

use crate::caches::bus;

const URL: &str = "URL";
const LOGIN: &str = "LOGIN";

/// The address, and a file with a user and a password if those may change.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    url: String,
    login: Option<PathBuf>,
}

impl Place {
    pub(crate) fn at(url: String) -> Self {
        Self { url, login: None }
    }

    /// What [`log_in`] has written to the file is used for every connection, and asked for again.
    pub(crate) fn with_login(self, file: PathBuf) -> Self {
        Self {
            login: Some(file),
            ..self
        }
    }

    /// The place that the test has given to this process.
    pub(crate) fn of_this_process() -> Self {
        Self {
            url: env::var(URL).expect("the test sets it"),
            login: env::var_os(LOGIN).map(PathBuf::from),
        }
    }

    /// The variables by which another process gets the place.
    pub(crate) fn variables(&self) -> Vec<(&'static str, &str)> {
        let login = self.login.as_deref().and_then(Path::to_str);
        let login = login.map(|file| (LOGIN, file));
        [(URL, &*self.url)].into_iter().chain(login).collect()
    }

    pub(crate) fn builder(&self) -> BusBuilder {
        let Some(file) = self.login.clone() else {
            return bus(&self.url);
        };
        bus(&self.url).credentials(move || {
            let text = fs::read_to_string(&file).expect("it was written");
            let (user, password) = text.split_once(' ').expect("a user and a password");
            let credentials = Credentials::new(user, password);
            async move { Ok(credentials.expires_in(Duration::from_millis(300))) }
        })
    }
}

/// Makes instances log in as this user from now on.
pub(crate) fn log_in(file: &Path, user: &str, password: &str) {
    let new = file.with_extension("new");
    fs::write(&new, format!("{user} {password}")).expect("the folder can be written to");
    // In one step, because other processes read it at any time.
    fs::rename(&new, file).expect("the folder can be written to");
}
