//! The table in the documentation, and the names in the log.

use std::fs;
use std::path::Path;

/// A line of the table of metrics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Documented {
    pub(crate) name: String,
    pub(crate) prometheus: String,
    pub(crate) kind: String,
    pub(crate) unit: String,
    pub(crate) meaning: String,
}

fn source() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cache-runtime/src"))
}

/// The table of metrics.
pub(crate) fn documented() -> Vec<Documented> {
    let text = fs::read_to_string(source().join("telemetry/metrics.md")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    let documented = lines.map(|line| {
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
        let plain = |cell: usize| cells[cell].trim_matches('`').to_owned();
        Documented {
            name: plain(1),
            prometheus: plain(2),
            kind: plain(3),
            unit: plain(4),
            meaning: cells[6].clone(),
        }
    });
    let documented: Vec<_> = documented.collect();
    assert!(documented.len() > 20, "{documented:#?}");
    documented
}

/// What is logged of a cache or a channel says which. The others are about a bus, a server or an
/// outbox, and are listed.
#[test]
fn log_lines_name_their_cache_or_channel() {
    const ABOUT_OTHERS: [&str; 14] = [
        "another instance's audit record was rejected",
        "a Sentinel does not answer",
        "a Sentinel refuses to tell of fail-overs",
        "credentials that expire could not be renewed",
        "credentials that expire were not renewed in time",
        "no Sentinel answers",
        "no connection nearby",
        "notifications of PostgreSQL may be lost",
        "rows of the outbox are refused",
        "the bus was closed",
        "the connection could not be named",
        "the outbox could not be published",
        "the task that receives events has ended",
        "this instance is not in the list of instances",
    ];
    let mut unnamed = Vec::new();
    let mut lines = 0;
    for file in files(source()) {
        let code = fs::read_to_string(&file).unwrap();
        let macros = [
            "debug!(",
            "info!(",
            "warn!(",
            "error!(",
            "trace!(",
            "debug_span!(",
        ];
        for (at, found) in macros.iter().flat_map(|name| code.match_indices(name)) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            lines += 1;
            let call = call(&code[at + found.len()..]);
            let names = ["cache =", "channel =", "(channel,"];
            let is_named = names.iter().any(|name| format!("({call}").contains(name));
            let is_about_others = ABOUT_OTHERS.iter().any(|about| call.contains(about));
            if !is_named && !is_about_others {
                unnamed.push(format!("{}: {call}", file.display()));
            }
        }
    }
    assert!(lines > 30, "{lines}");
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}

/// The arguments of a call, which end with the parenthesis that closes it.
fn call(code: &str) -> &str {
    let mut depth = 1;
    let end = code.find(|c: char| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    &code[..end.unwrap_or(code.len())]
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
