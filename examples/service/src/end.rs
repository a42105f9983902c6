//! When an instance ends.

use std::io::{Read, stdin};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Returns at SIGTERM or SIGINT, or when the standard input ends, if asked to.
pub(crate) async fn asked_for(with_stdin: bool) -> Result<(), std::io::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (ended, mut stdin_ended) = oneshot::channel::<()>();
    if with_stdin {
        // A thread, because a runtime waits at its end for a read that blocks.
        thread::spawn(move || {
            // It reads to the end, or fails: both mean that nobody is there any more.
            drop(stdin().read_to_end(&mut Vec::new()));
            drop(ended);
        });
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = &mut stdin_ended, if with_stdin => {}
    }
    Ok(())
}
