//! A real Redis (or Valkey) server, owned by one test.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::RedisResult;
use tokio::time::sleep;

use crate::port::Port;
use crate::process::{Process, server_binary};
use crate::{Admin, within};

/// How to start a [`Server`].
#[derive(Debug, Clone, Default)]
pub struct ServerBuilder {
    options: Vec<OsString>,
    password: Option<String>,
}

impl ServerBuilder {
    /// Sets an option as in the configuration file, e.g. `client-output-buffer-limit` to
    /// `pubsub 1mb 0 0`.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.push(format!("--{name}").into());
        self.options.extend(value.split(' ').map(OsString::from));
        self
    }

    /// Requires this password from the default user.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.option("requirepass", password)
    }

    /// Starts the server and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub async fn start(self) -> Server {
        let mut server = Server {
            program: server_binary(),
            builder: self,
            process: None,
            folder: Folder::create(),
            port: Port::reserve(),
        };
        while !server.try_launch().await {
            server.port = Port::reserve();
        }
        server
    }
}

/// A server on a free port of the loopback interface and on a Unix socket, without persistence. It
/// is killed when dropped.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    builder: ServerBuilder,
    // Dropped in this order: the process ends before its folder and its port are given back.
    process: Option<Process>,
    folder: Folder,
    port: Port,
}

impl Server {
    /// A server with its default configuration.
    ///
    /// # Panics
    ///
    /// See [`ServerBuilder::start`].
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server to be configured.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The port, which stays the same across restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The `redis://` address without credentials.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// The `redis://` address with credentials; an empty `user` is the default one.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.port())
    }

    /// The `unix://` address of the same server.
    #[must_use]
    pub fn unix_url(&self) -> String {
        format!("unix://{}", self.folder.socket().display())
    }

    /// A new connection for the test itself, as the default user.
    ///
    /// # Panics
    ///
    /// If the server is down.
    pub async fn admin(&self) -> Admin {
        let admin = self.try_admin().await;
        admin.unwrap_or_else(|error| panic!("the server at {}: {error}", self.url()))
    }

    /// As [`admin`](Self::admin), for a server that may end connections.
    ///
    /// # Errors
    ///
    /// The error of the connection attempt.
    pub async fn try_admin(&self) -> RedisResult<Admin> {
        Admin::connect(&match &self.builder.password {
            Some(password) => self.url_as("", password),
            None => self.url(),
        })
        .await
    }

    /// Lets the user `app` with the password `secret` do what these ACL rules allow, such as
    /// `+@all ~* &cache:*`, and nothing else. Returns the address with these credentials.
    ///
    /// # Panics
    ///
    /// If the server is down or does not understand the rules.
    pub async fn allow_app(&self, rules: &str) -> String {
        // Without `resetchannels`, the server's configuration decides about channels.
        let command = format!("ACL SETUSER app reset on >secret resetchannels {rules}");
        let command: Vec<_> = command.split_whitespace().collect();
        self.admin().await.run::<()>(&command).await;
        self.url_as("app", "secret")
    }

    /// Kills the server (SIGKILL), so that it cannot close its connections in order.
    pub fn kill9(&mut self) {
        self.process = None;
    }

    /// Starts the server again on the same port, after killing it if it runs.
    ///
    /// Settings made at run time (`CONFIG SET`, `ACL SETUSER`) are lost.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub async fn restart(&mut self) {
        self.kill9();
        let restart = async {
            while !self.try_launch().await {
                sleep(Duration::from_millis(50)).await;
            }
        };
        within("the server's port to be free again", restart).await;
    }

    /// Stops the process (SIGSTOP): the kernel still accepts connections and bytes, but there are
    /// no answers.
    ///
    /// # Panics
    ///
    /// If the server is down.
    pub fn freeze(&self) {
        self.process().freeze();
    }

    /// Resumes a frozen process (SIGCONT).
    ///
    /// # Panics
    ///
    /// If the server is down.
    pub fn thaw(&self) {
        self.process().thaw();
    }

    /// Freezes the process, and lets it go on after `duration`.
    ///
    /// # Panics
    ///
    /// If the server is down.
    pub async fn freeze_for(&self, duration: Duration) {
        self.freeze();
        sleep(duration).await;
        self.thaw();
    }

    /// What the running server has logged so far.
    ///
    /// # Panics
    ///
    /// If the server is down.
    #[must_use]
    pub fn log(&self) -> String {
        self.process().log()
    }

    fn process(&self) -> &Process {
        let process = self.process.as_ref();
        process.expect("the server is down: `restart` it first")
    }

    /// Returns `false` if another process has the port.
    async fn try_launch(&mut self) -> bool {
        match Process::start(&self.program, &self.arguments()).await {
            Ok(process) => self.process = Some(process),
            Err(log) if log.contains("Address already in use") => return false,
            Err(log) => panic!("{} did not start:\n{log}", self.program.display()),
        }
        true
    }

    fn arguments(&self) -> Vec<OsString> {
        let port = self.port().to_string();
        let fixed = [
            ["--port", &port],
            ["--bind", "127.0.0.1"],
            ["--save", ""],
            ["--appendonly", "no"],
            // At this level the server logs when it is ready.
            ["--loglevel", "notice"],
        ];
        let mut arguments: Vec<OsString> = fixed.as_flattened().iter().map(Into::into).collect();
        arguments.extend(["--dir".into(), self.folder.path.clone().into()]);
        arguments.extend(["--unixsocket".into(), self.folder.socket().into()]);
        arguments.extend_from_slice(&self.builder.options);
        arguments
    }
}

/// The server's working folder. Its path is short, because the path of a Unix socket is limited to
/// little more than 100 bytes.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("cache-runtime-test-{}-{number}", process::id());
            let path = env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Self { path },
                // Left by a killed process that had the same process id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot create {}: {error}", path.display()),
            }
        }
    }

    fn socket(&self) -> PathBuf {
        self.path.join("redis.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that remains does no harm.
        drop(fs::remove_dir_all(&self.path));
    }
}
