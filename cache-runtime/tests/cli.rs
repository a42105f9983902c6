//! The program, as a process.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_cache-runtime"));
    program.args(arguments).env_remove("REDIS_URL");
    program.output().unwrap()
}

#[test]
fn it_says_what_it_does_and_what_is_missing() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert!(help.stdout.starts_with(b"usage:"));
    let nowhere = run(&["doctor"]);
    assert_eq!(nowhere.status.code(), Some(1));
    let errors = String::from_utf8(nowhere.stderr).unwrap();
    let expected = "cache-runtime: no server is named: give `--redis ADDRESS`, or set REDIS_URL\n";
    assert_eq!(errors, expected);
    let unknown = run(&["export", "xml"]);
    assert_eq!(unknown.status.code(), Some(2));
}
