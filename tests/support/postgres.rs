//! A PostgreSQL server of the test's own.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use rustix::process::geteuid;
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls};

use crate::process::Process;
use crate::server::Folder;

/// A server on a Unix socket in a folder of its own. The tests of a process share it; it ends when
/// the last of them drops it.
#[derive(Debug)]
pub struct Postgres {
    // Dropped before its folder.
    process: Process,
    folder: Folder,
}

/// The server that runs in this process.
static RUNNING: Mutex<Weak<Postgres>> = Mutex::const_new(Weak::new());

impl Postgres {
    /// The server of this process. It is started if no other test uses it.
    ///
    /// # Panics
    ///
    /// If there is no server program, or it does not start, with its log.
    pub async fn start() -> Arc<Self> {
        let mut running = RUNNING.lock().await;
        if let Some(server) = running.upgrade() {
            return server;
        }
        let server = Arc::new(Self::launch().await);
        *running = Arc::downgrade(&server);
        server
    }

    async fn launch() -> Self {
        let folder = Folder::create();
        let data = folder.path.join("data");
        if let Some(user) = user() {
            chown(&folder.path, Some(user), None).expect("root may give its folders away");
        }
        let [initdb, postgres] = ["initdb", "postgres"].map(|name| programs().join(name));
        let (program, mut arguments) = as_user(initdb);
        arguments.extend(["-D".into(), data.clone().into()]);
        arguments.extend(
            [
                "-N",
                "-A",
                "trust",
                "-U",
                "postgres",
                "--locale=C",
                "-E",
                "UTF8",
            ]
            .map(OsString::from),
        );
        let created = Command::new(&program).args(&arguments).output();
        let created = created.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        assert!(
            created.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&created.stdout),
            String::from_utf8_lossy(&created.stderr),
        );
        let (program, mut arguments) = as_user(postgres);
        arguments.extend(["-D".into(), data.into()]);
        arguments.extend(["-k".into(), folder.path.clone().into()]);
        let settings = [
            "listen_addresses=",
            "fsync=off",
            "lc_messages=C",
            "shared_buffers=16MB",
        ];
        arguments.extend(
            settings
                .iter()
                .flat_map(|it| ["-c", it])
                .map(OsString::from),
        );
        match Process::start(&program, &arguments).await {
            Ok(process) => Self { process, folder },
            Err(log) => panic!("PostgreSQL did not start:\n{log}"),
        }
    }

    /// Creates a database, and returns how to connect to it.
    ///
    /// # Panics
    ///
    /// If the server is down.
    pub async fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = Self::connect(&self.address("postgres")).await;
        let create = admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await;
        create.expect("the server runs");
        self.address(&name)
    }

    fn address(&self, database: &str) -> String {
        format!(
            "host={} user=postgres dbname={database}",
            self.folder.path.display()
        )
    }

    /// A connection for the test itself.
    ///
    /// # Panics
    ///
    /// If the server is down.
    pub async fn connect(address: &str) -> Client {
        let connecting = tokio_postgres::connect(address, NoTls).await;
        let (client, connection) = connecting.expect("the server runs");
        tokio::spawn(connection);
        client
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.process.quit();
    }
}

/// The folder of the server's programs: the variable `POSTGRES_BIN`.
fn programs() -> PathBuf {
    let folder = env::var_os("POSTGRES_BIN").filter(|folder| !folder.is_empty());
    let folder = folder.map_or_else(found, PathBuf::from);
    assert!(
        folder.join("initdb").is_file(),
        "this test needs a PostgreSQL server, and there is none in `{}`: run the tests with \
         `bash tests/run.sh`, which finds or installs it",
        folder.display()
    );
    folder
}

/// What `tests/postgres.sh` finds, so that a test can be run by itself.
fn found() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh");
    let output = Command::new("bash").arg(script).output();
    let output = output.expect("there is a shell").stdout;
    String::from_utf8_lossy(&output).trim().into()
}

/// The user that the server runs as; `None` for the test's own. The server refuses to run as root.
fn user() -> Option<u32> {
    if !geteuid().is_root() {
        return None;
    }
    let id = Command::new("id").args(["-u", "postgres"]).output();
    let id = String::from_utf8(id.expect("there is `id`").stdout).expect("a number");
    Some(
        id.trim()
            .parse()
            .expect("the package makes the user `postgres`"),
    )
}

/// The program and the first arguments that run a program as [`user`].
fn as_user(program: PathBuf) -> (PathBuf, Vec<OsString>) {
    if user().is_none() {
        return (program, Vec::new());
    }
    let identity = ["--reuid=postgres", "--regid=postgres", "--init-groups"];
    let mut arguments: Vec<OsString> = identity.map(OsString::from).into();
    arguments.push(program.into());
    ("setpriv".into(), arguments)
}
