//! What docs say of default settings, against the constants.

use std::fs;

use super::repository;

/// The constants: what their docs say, and their values.
fn constants(source: &str) -> Vec<(String, u64, u64)> {
    let (mut docs, mut constants) = (String::new(), Vec::new());
    for line in source.lines() {
        if let Some(doc) = line.strip_prefix("/// ") {
            docs.extend([doc, " "]);
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            let (name, value) = constant.split_once(": ").expect("a type");
            let (_, value) = value.split_once(" = ").expect("a value");
            let (_, said) = docs.rsplit_once(": ").expect("docs that give the value");
            let said = quantity(said.split([';', '.']).next().unwrap_or(said));
            let said = said.unwrap_or_else(|| panic!("{name}: {docs}"));
            constants.push((name.to_owned(), said, value_of(value)));
            docs.clear();
        }
    }
    constants
}

/// A number with its unit: bytes, milliseconds, or none.
fn quantity(text: &str) -> Option<u64> {
    let text = text.split(", or").next()?.trim();
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let unit = match unit {
        "" | "ms" => 1,
        "s" => 1_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    Some(number.replace(',', "").parse::<u64>().ok()? * unit)
}

/// The value of a constant's expression.
fn value_of(expression: &str) -> u64 {
    let unit = if expression.contains("from_secs") {
        1_000
    } else {
        1
    };
    let numbers = expression.trim_end_matches([';', ')']);
    let numbers = numbers.rsplit('(').next().unwrap_or(numbers).split(" * ");
    let numbers = numbers.map(|number| number.replace('_', "").parse::<u64>());
    numbers.fold(unit, |value, number| value * number.expect(expression))
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).expect(path)
}

#[test]
fn are_what_their_docs_say() {
    let constants = constants(&read("cache-runtime/src/defaults.rs"));
    assert!(constants.len() > 15, "{constants:?}");
    for (name, said, value) in constants {
        assert_eq!(said, value, "{name}");
    }
}

/// Elsewhere, docs name the constant. Where they cannot, they give its value.
#[test]
fn are_stated_alike_elsewhere() {
    let constants = constants(&read("cache-runtime/src/defaults.rs"));
    for (path, said, name) in [
        ("cache-runtime/src/guide/guarantees.md", "10 s", "LOAD_WAIT"),
        ("SECURITY.md", "64 KiB", "MAX_PAYLOAD"),
        ("docs/staleness.md", "2 s", "LEASE"),
    ] {
        assert!(read(path).contains(&format!("{said} by default")), "{path}");
        let constant = constants.iter().find(|(of, ..)| of == name);
        let (_, _, value) = constant.expect(name);
        assert_eq!(quantity(said), Some(*value), "{path}: {name}");
    }
}
