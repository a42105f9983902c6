//! A second process, and what it prints.

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

/// The role that [`Child::same_test`] gave to this process; `None` in the test itself.
#[must_use]
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Another process. Its output is read line by line. It is killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    input: Option<ChildStdin>,
    output: mpsc::UnboundedReceiver<String>,
    transcript: Arc<Mutex<String>>,
}

impl Child {
    /// Runs this test binary again, with only the test of this full name, as `cargo test` prints
    /// it.
    ///
    /// The test must call [`role`] first.
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
    /// If the process cannot be started.
    #[must_use]
    pub fn same_test(test: &str, role: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(this_program());
        command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .envs(variables.iter().copied());
        Self::run(command)
    }

    /// Runs an example of this package, which `cargo test` has built beside the tests.
    ///
    /// # Panics
    ///
    /// If the process cannot be started.
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

    /// Runs any program.
    ///
    /// # Panics
    ///
    /// If the process cannot be started.
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
    /// If the process ends or prints no such line within [`DEADLINE`], with everything printed so
    /// far.
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

    /// Writes a line to the standard input of the process.
    ///
    /// # Panics
    ///
    /// If the process no longer reads it.
    pub async fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("`finish` has not been called");
        let sent = input.write_all(format!("{line}\n").as_bytes()).await;
        sent.expect("the process reads its standard input");
    }

    /// Closes the standard input of the process and waits until it ends.
    ///
    /// # Panics
    ///
    /// If the process does not end within [`DEADLINE`].
    pub async fn finish(mut self) -> ExitStatus {
        drop(self.input.take());
        let status = within("the process to end", self.process.wait()).await;
        status.expect("the process is our child")
    }

    /// Stops the process (SIGSTOP). Returns when none of its threads runs any more.
    ///
    /// # Panics
    ///
    /// If the process has ended.
    pub fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).expect("the process is our child");
        // The signal takes effect a little later.
        waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("the process is our child");
    }

    /// Resumes the process after a [`freeze`](Self::freeze) (SIGCONT).
    ///
    /// # Panics
    ///
    /// If the process has ended.
    pub fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).expect("the process is our child");
    }

    /// The process id.
    ///
    /// # Panics
    ///
    /// If the process has ended.
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
        // Fails once the `Child` is dropped.
        drop(lines.send(line));
    }
}

fn lock(transcript: &Mutex<String>) -> MutexGuard<'_, String> {
    transcript.lock().unwrap_or_else(PoisonError::into_inner)
}

fn this_program() -> PathBuf {
    env::current_exe().expect("this program has a path")
}
