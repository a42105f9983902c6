//! Asks servers and channels from a shell.

fn main() -> std::process::ExitCode {
    cache_runtime::cli::main()
}
