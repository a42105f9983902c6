//! The server program: where it is, one run of it, and its log.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::sync::watch;

use crate::within;

/// Where the server program is: the variable `REDIS_SERVER`, else `redis-server` or `valkey-server`
/// in `PATH`.
///
/// # Panics
///
/// If there is none. A test without a server has to fail, because a skipped one would count as
/// passed.
#[must_use]
pub fn server_binary() -> PathBuf {
    if let Some(path) = env::var_os("REDIS_SERVER").filter(|path| !path.is_empty()) {
        return path.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&path)
        .flat_map(|folder| ["redis-server", "valkey-server"].map(|name| folder.join(name)));
    candidates.find(|file| file.is_file()).expect(
        "this test needs a Redis server, and neither the variable REDIS_SERVER nor PATH has one: \
         run the tests with `bash tests/run.sh`, which finds or installs it",
    )
}

/// One run of the server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: Log,
}

impl Process {
    /// Waits until the server accepts connections. If it ends instead, the error is its log.
    pub(crate) async fn start(program: &Path, arguments: &[OsString]) -> Result<Self, String> {
        // One pipe for both streams: the log goes to one, errors in the options to the other.
        let (reader, writer) = io::pipe().expect("pipes are available");
        let copy = writer.try_clone().expect("pipes are available");
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(copy)
            .spawn();
        let child =
            child.unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()));
        let log = Log::default();
        let mut process = Self {
            child,
            log: log.clone(),
        };
        let (phase, mut phases) = watch::channel(Phase::Starting);
        thread::spawn(move || follow(reader, &log, &phase));

        let known = phases.wait_for(|phase| *phase != Phase::Starting);
        let known = within("the server to start or to fail", known).await;
        if matches!(known.as_deref(), Ok(Phase::Ready)) {
            return Ok(process);
        }
        drop(process.child.wait());
        Err(process.log())
    }

    /// Returns when the process has stopped.
    pub(crate) fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).expect("the process is our child");
        // The signal takes effect a little later; until then the server might still answer.
        waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("the process is our child");
    }

    pub(crate) fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).expect("the process is our child");
    }

    /// Ends a server that cleans up at SIGQUIT.
    pub(crate) fn quit(&mut self) {
        // It fails only if the process has ended by itself.
        let _ = kill_process(self.pid(), Signal::QUIT);
        drop(self.child.wait());
    }

    pub(crate) fn log(&self) -> String {
        self.log.read()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL ends a frozen process too. It fails only if the process has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    Ended,
}

/// Copies the server's output into the log; blocking, on a thread of its own.
fn follow(output: PipeReader, log: &Log, phase: &watch::Sender<Phase>) {
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        log.push(&line);
        // Not a test connection: it would also succeed to another server on this port. A Sentinel says
        // which primaries it monitors.
        let line = line.to_lowercase();
        if line.contains("ready to accept connections") || line.contains("+monitor master") {
            phase.send_replace(Phase::Ready);
        }
    }
    phase.send_replace(Phase::Ended);
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn push(&self, line: &str) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.extend([line, "\n"]);
    }

    fn read(&self) -> String {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }
}
