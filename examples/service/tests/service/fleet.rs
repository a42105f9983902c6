//! The example itself: one command that starts three instances.

use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process};
use support::Child;
use tokio::process::Command;

pub(crate) struct Fleet {
    process: Child,
    /// Of `a`, `b` and `c`.
    pub(crate) urls: [String; 3],
    /// Of the same.
    ids: [u32; 3],
    /// What it has printed since it was started.
    printed: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    lines: Vec<String>,
}

impl Output {
    #[track_caller]
    pub(crate) fn says(&self, line: &str) {
        assert!(
            self.lines.iter().any(|said| said == line),
            "{line}: {self:#?}"
        );
    }
}

const NAMES: [&str; 3] = ["a", "b", "c"];

impl Fleet {
    /// Returns when all instances listen.
    pub(crate) async fn start(redis: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
        command.args(["--redis", redis]);
        let mut process = Child::run(command);
        let (mut urls, mut ids) = (<[String; 3]>::default(), [0; 3]);
        while urls.iter().any(String::is_empty) || ids.contains(&0) {
            let line = process.says("").await;
            for (i, name) in NAMES.iter().enumerate() {
                if let Some(url) = line.strip_prefix(&format!("{name} listens at ")) {
                    url.clone_into(&mut urls[i]);
                }
                if let Some(id) = line.strip_prefix(&format!("{name} is process ")) {
                    ids[i] = id.parse().expect("a process id");
                }
            }
        }
        Self {
            process,
            urls,
            ids,
            printed: Vec::new(),
        }
    }

    /// Kills an instance. Returns when the fleet knows.
    pub(crate) async fn kill(&mut self, name: &str) {
        let i = NAMES.iter().position(|other| *other == name);
        send(self.ids[i.expect("a name")], Signal::KILL);
        let line = self.process.says(&format!("{name}: ")).await;
        self.printed.push(line);
    }

    /// Asks the fleet to end.
    pub(crate) fn terminate(&self) {
        send(self.process.id(), Signal::TERM);
    }

    /// Asks the fleet to end, and waits for that.
    pub(crate) async fn end(mut self) -> Output {
        self.terminate();
        let mut lines = self.printed;
        // The status of each comes after what it prints.
        let is_status = |line: &&String| {
            NAMES
                .iter()
                .any(|name| line.starts_with(&format!("{name}: ")))
        };
        while lines.iter().filter(is_status).count() < NAMES.len() {
            lines.push(self.process.says("").await);
        }
        let status = self.process.finish().await;
        Output { status, lines }
    }
}

fn send(id: u32, signal: Signal) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), signal).expect("it runs");
}
