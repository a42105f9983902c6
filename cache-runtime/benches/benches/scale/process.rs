//! Processes of the benchmark: what Linux counts of them, and other ones that play a role.

use std::env;
use std::fs;
use std::process::{self, Command};

use support::{Admin, Child};

use crate::number::float;

const ROLE: &str = "SCALE_ROLE";
const PAGE: u64 = 4096;

/// What a process other than the benchmark does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Publisher,
    Instances,
    Entries,
}

impl Role {
    const ALL: [(Self, &str); 3] = [
        (Self::Publisher, "publisher"),
        (Self::Instances, "instances"),
        (Self::Entries, "entries"),
    ];

    pub(crate) fn of_this_process() -> Option<Self> {
        let name = env::var(ROLE).ok()?;
        let role = Self::ALL.iter().find(|(_, known)| *known == name);
        Some(role.expect("the benchmark sets it").0)
    }

    /// Starts a process that plays this role.
    pub(crate) fn start(self, variables: &[(&str, &str)]) -> Child {
        let (_, name) = Self::ALL[self as usize];
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        command.env(ROLE, name).envs(variables.iter().copied());
        Child::run(command.into())
    }
}

/// A process, as Linux counts it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn this() -> Self {
        Self(process::id())
    }

    pub(crate) fn of_child(child: &Child) -> Self {
        Self(child.id())
    }

    pub(crate) async fn of_server(admin: &Admin) -> Self {
        let id = info(admin, "server", "process_id").await;
        Self(u32::try_from(id).expect("it is a process id"))
    }

    /// Its memory, in bytes.
    pub(crate) fn resident(self) -> f64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.0)).expect("it runs");
        let pages = statm.split(' ').nth(1).expect("a field");
        float(pages.parse::<u64>().expect("a number") * PAGE)
    }

    /// The time that its threads have run, in seconds.
    pub(crate) fn cpu(self) -> f64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0)).expect("it runs");
        threads
            .map(|thread| {
                let file = thread.expect("it can be read").path().join("schedstat");
                // A thread may have ended meanwhile.
                fs::read_to_string(file).map_or(0.0, |stat| ran(&stat))
            })
            .sum()
    }
}

/// The time that this thread has run, in seconds.
pub(crate) fn cpu_of_this_thread() -> f64 {
    ran(&fs::read_to_string("/proc/thread-self/schedstat").expect("Linux"))
}

fn ran(schedstat: &str) -> f64 {
    let nanos = schedstat.split(' ').next().expect("a field");
    float(nanos.parse().expect("a number")) / 1e9
}

/// A number that the server gives of itself.
pub(crate) async fn info(admin: &Admin, section: &str, field: &str) -> u64 {
    let text: String = admin.run(&["INFO", section]).await;
    let start = format!("{field}:");
    let value = text.lines().find_map(|line| line.strip_prefix(&start));
    value
        .expect("the server gives it")
        .parse()
        .expect("a number")
}
