//! Starts three instances on this machine, and ends them.

use std::env;
use std::error::Error;
use std::path::Path;
use std::pin::pin;
use std::process::{self, ExitCode, Stdio};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::end;

/// Runs until it is asked to end, or until all instances have ended.
pub(crate) async fn run(redis: &str) -> Result<ExitCode, Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("service-{}", process::id()));
    std::fs::create_dir(&folder)?;
    let code = serve(redis, &folder.join("products.db")).await;
    let removed = std::fs::remove_dir_all(&folder);
    let code = code?;
    removed?;
    Ok(code)
}

async fn serve(redis: &str, database: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let mut end = pin!(end::asked_for(false));
    let mut processes = JoinSet::new();
    let mut running = Vec::new();
    for name in ["a", "b", "c"] {
        let mut child = start(name, redis, database)?;
        let id = child.id().ok_or("it has ended")?;
        println!("{name} is process {id}");
        // Kept here, because waiting for a child drops its input, with which it ends.
        running.push((name, id, child.stdin.take()));
        processes.spawn(async move { (name, child.wait().await) });
    }
    let (mut all_is_well, mut is_ending) = (true, false);
    loop {
        tokio::select! {
            ended = processes.join_next() => {
                let Some(ended) = ended else { break };
                let (name, status) = ended?;
                let status = status?;
                // Another process may get the id.
                running.retain(|(other, ..)| *other != name);
                println!("{name}: {status}");
                all_is_well &= status.success();
            }
            asked = &mut end, if !is_ending => {
                asked?;
                is_ending = true;
                for (_, id, _) in &running {
                    let pid = i32::try_from(*id).ok().and_then(Pid::from_raw);
                    match kill_process(pid.ok_or("no process id")?, Signal::TERM) {
                        // It has ended by itself.
                        Ok(()) | Err(Errno::SRCH) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }
    Ok(if all_is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn start(name: &str, redis: &str, database: &Path) -> std::io::Result<Child> {
    Command::new(env::current_exe()?)
        .arg("instance")
        .env("NAME", name)
        .env("LISTEN", "127.0.0.1:0")
        .env("REDIS_URL", redis)
        .env("DATABASE", database)
        // Its input is a pipe from here, which ends with this process, however that ends.
        .env("ENDS_WITH_STDIN", "1")
        .stdin(Stdio::piped())
        .spawn()
}
