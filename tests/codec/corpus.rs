//! What fuzzing has found: the payloads and sequences of messages that reach different code.
//!
//! `fuzz/corpus/decode.txt`, `deliver.txt` and `push.txt` have one of them in each line, with the escapes
//! of Rust.

use std::fs;
use std::path::Path;

use cache_runtime::defaults;

use crate::{agreement, deliveries, pushes};

fn lines(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let text = fs::read_to_string(path.join(name)).expect("the corpus");
    let lines: Vec<_> = text.lines().map(unescape).collect();
    assert!(lines.len() > 50, "{name} has {} lines", lines.len());
    lines
}

/// Undoes `escape_ascii`.
fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next() {
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'x') => {
                    let digits = [rest.next(), rest.next()].map(|digit| digit.expect("a digit"));
                    let digits = str::from_utf8(&digits).expect("digits");
                    u8::from_str_radix(digits, 16).expect("digits")
                }
                other => other.expect("an escape"),
            },
            byte => byte,
        });
    }
    bytes
}

#[test]
fn found_payloads_are_decoded_as_by_the_reference() {
    for payload in lines("decode.txt") {
        agreement::of(&payload);
    }
}

#[test]
fn found_messages_are_delivered() {
    for noise in lines("deliver.txt") {
        deliveries::check(&deliveries::messages(&noise));
    }
}

#[test]
fn found_pushes_are_accepted_or_flush() {
    for noise in lines("push.txt") {
        pushes::check(&pushes::pushes(&noise));
    }
}

/// As long as a payload may be, of what takes most memory.
#[test]
fn the_longest_payloads_take_little_memory() {
    let long = |start: &str, piece: &str, end: &str| {
        let room = defaults::MAX_PAYLOAD - start.len() - end.len();
        let middle = piece.repeat(room / piece.len());
        agreement::of(format!("{start}{middle}{end}").as_bytes());
    };
    long(r#"{"type":"user","discordId":""#, "a", r#""}"#);
    long(r#"{"type":"user","discordId":""#, "\\u00e4", r#""}"#);
    long(r#"{"type":"user","discordId":""#, "\\ud83d\\ude00", r#""}"#);
    long(r#"{"type":"user","discordId":""#, "a", "");
    long(r#"{"type":"user","discordId":"#, "[", "");
    long(r#"{"type":"user","discordId":"#, "{\"a\":", "");
    long(r#"{"type":"user","discordId":["#, "0,", "0]}");
    long(r#"{"type":"keys","keys":["#, r#""","#, r#"""]}"#);
    long(r#"{"type":"keys","keys":["#, r#""","#, "0]}");
    long(r#"{"type":"add","entry":{"#, r#""a":"","#, r#""b":0}}"#);
    long(r#"{"type":"#, " ", r#""all"}"#);
    long(r#"{"type":""#, "a", r#""}"#);
    long("{\"type\":\"", "\\u0000", "\"}");
    long(r#"{"type":"user","discordId":"7",""#, "a", r#"":1}"#);
    let keys: Vec<_> = (0..7000).map(|n| format!("\"{n}\":")).collect();
    let keys = format!(r#"{{{}0,"type":"user"}}"#, keys.join("0,"));
    agreement::of(keys.as_bytes());
}
