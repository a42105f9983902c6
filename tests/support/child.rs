//! A second process.

use std::env;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{DEADLINE, within};

const ROLE: &str = "SUPPORT_CHILD_ROLE";

/// The part this process plays: `None` in the test itself, else what [`Child::same_test`] was
/// given.
#[must_use]
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Another process: what it prints is read line by line, and it is killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    input: Option<ChildStdin>,
    output: mpsc::UnboundedReceiver<String>,
    transcript: Arc<Mutex<String>>,
}

impl Child {
    /// This test binary again, running only the test of this full name (as `cargo test` prints it),
    /// which must ask for its [`role`] first.
    ///
    /// ```no_run
    /// # use support::{Child, Server, role};
    /// # async fn the_other_one() {}
    /// // a `#[tokio::test]`
    /// async fn two_processes() {
    ///     if role().is_some() {
    ///         return the_other_one().await;
    ///     }
    ///     let server = Server::start().await;
    ///     let url = server.url();
    ///     let mut other = Child::same_test("scenario::two_processes", "other", &[("URL", &url)]);
    ///     other.says("ready").await;
    ///     // Whatever the other process is to do next.
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    #[must_use]
    pub fn same_test(test: &str, role: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(this_program());
        command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .envs(variables.iter().copied());
        Self::run(command)
    }

    /// An example of this package, which `cargo test` has built beside the tests.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    #[must_use]
    pub fn example(name: &str, arguments: &[&str]) -> Self {
        let deps = this_program();
        let folder = deps
            .ancestors()
            .nth(2)
            .expect("tests lie in target/<profile>/deps");
        let mut command = Command::new(folder.join("examples").join(name));
        command.args(arguments);
        Self::run(command)
    }

    /// Any program.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    #[must_use]
    pub fn run(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {:?}: {error}", command.as_std()));
        let (lines, output) = mpsc::unbounded_channel();
        let transcript = Arc::new(Mutex::new(String::new()));
        let stdout = process.stdout.take().expect("piped");
        let stderr = process.stderr.take().expect("piped");
        tokio::spawn(follow(stdout, lines.clone(), Arc::clone(&transcript)));
        tokio::spawn(follow(stderr, lines, Arc::clone(&transcript)));
        Self {
            input: process.stdin.take(),
            process,
            output,
            transcript,
        }
    }

    /// Skips to the next line that contains `text`, on either stream, and returns it.
    ///
    /// # Panics
    ///
    /// With everything printed so far, if the process ends or falls silent before that.
    pub async fn says(&mut self, text: &str) -> String {
        let find = async {
            while let Some(line) = self.output.recv().await {
                if line.contains(text) {
                    return Some(line);
                }
            }
            None
        };
        let found = timeout(DEADLINE, find).await;
        if let Ok(Some(line)) = found {
            return line;
        }
        let how = found.map_or("fell silent", |_| "ended");
        let transcript = lock(&self.transcript).clone();
        panic!("the process {how} without saying {text:?}:\n{transcript}");
    }

    /// Writes a line to its standard input.
    ///
    /// # Panics
    ///
    /// If it no longer listens.
    pub async fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("`finish` has not been called");
        let sent = input.write_all(format!("{line}\n").as_bytes()).await;
        sent.expect("the process reads its standard input");
    }

    /// Closes its standard input and waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn finish(mut self) -> ExitStatus {
        drop(self.input.take());
        let status = within("the process to end", self.process.wait()).await;
        status.expect("the process is our child")
    }

    /// Stops it (SIGSTOP). Returns when none of its threads runs any more.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).expect("the process is our child");
        // The signal takes effect a little later.
        waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("the process is our child");
    }

    /// Lets it go on after a [`freeze`](Self::freeze) (SIGCONT).
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).expect("the process is our child");
    }

    /// Its process id.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id().expect("still running")
    }

    fn pid(&self) -> Pid {
        let id = i32::try_from(self.id()).ok();
        id.and_then(Pid::from_raw).expect("it is a process id")
    }
}

async fn follow(
    stream: impl AsyncRead + Unpin,
    lines: mpsc::UnboundedSender<String>,
    transcript: Arc<Mutex<String>>,
) {
    let mut stream = BufReader::new(stream).lines();
    while let Ok(Some(line)) = stream.next_line().await {
        lock(&transcript).extend([&line, "\n"]);
        // Nobody may be reading any more.
        drop(lines.send(line));
    }
}

fn lock(transcript: &Mutex<String>) -> MutexGuard<'_, String> {
    transcript.lock().unwrap_or_else(PoisonError::into_inner)
}

fn this_program() -> PathBuf {
    env::current_exe().expect("this program has a path")
}
