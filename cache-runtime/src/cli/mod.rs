//! The program `cache-runtime`, for shells: [`doctor`](crate::doctor), `tail`, `publish` and
//! [`export`](crate::export).
//!
//! ```text
//! cargo install cache-runtime --features cli
//! cache-runtime doctor --redis redis://127.0.0.1
//! cache-runtime tail --redis redis://127.0.0.1 cache:users
//! cache-runtime publish --redis redis://127.0.0.1 cache:users '{"type":"user","userId":7}'
//! ```
//!
//! That program knows no events. One that links the crate of your events does: it decodes what it
//! prints, checks what it publishes, compares the events of instances, and can export them.
//!
//! ```no_run
//! // src/bin/caches.rs
//! use my_services as _;
//! # mod my_services {}
//!
//! fn main() -> std::process::ExitCode {
//!     cache_runtime::cli::main()
//! }
//! ```

mod arguments;
mod commands;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{HELP, parse};
use commands::{Failure, run};

/// Runs the program with the arguments of this process, and returns its exit code: 0, 1 if something
/// has failed, or 2 if the arguments are unusable.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    main_with(arguments, &mut io::stdout().lock(), &mut io::stderr())
}

/// As [`main`], with these arguments, which do not include the name of the program.
pub fn main_with(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> ExitCode {
    let (message, code) = match parse(arguments) {
        Err(why) => (format!("{why}\n\n{HELP}"), 2),
        Ok(asked) => match run(&asked, out) {
            Ok(()) => return ExitCode::SUCCESS,
            // What is printed has been read, as by `head`.
            Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return ExitCode::SUCCESS;
            }
            Err(Failure::Output(error)) => (format!("nothing can be printed: {error}"), 1),
            Err(Failure::Printed) => return ExitCode::FAILURE,
            Err(Failure::Told(why)) => (why, 1),
        },
    };
    // If that cannot be printed either, the exit code has to do.
    let _ = writeln!(errors, "cache-runtime: {message}");
    ExitCode::from(code)
}
