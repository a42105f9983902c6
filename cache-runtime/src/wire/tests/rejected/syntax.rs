//! Payloads that are not a JSON object, or are too large or too deep.

use super::rejects;
use crate::wire::tests::{Event, LIMIT, decode};

#[test]
fn too_large() {
    rejects(
        "x".repeat(LIMIT + 1),
        "payload of 1001 bytes exceeds the limit of 1000",
    );
    let padded = |length: usize| format!("{:length$}", r#"{"type":"all"}"#);
    assert_eq!(decode(padded(LIMIT)), Ok(Event::All));
    assert!(decode(padded(LIMIT + 1)).unwrap_err().is_too_large());
}

#[test]
fn not_utf8() {
    rejects(
        b"{\"type\":\"channel\",\"channelId\":\"a\xff\"}",
        "not UTF-8 at byte 32",
    );
    rejects(
        b"{\"type\":\"channel\",\"channelId\":\"\xed\xa0\x80\"}",
        "not UTF-8 at byte 31",
    );
    rejects(b"{\"type\":\"all\"}\xc3", "not UTF-8 at byte 14");
}

#[test]
fn not_json() {
    for (payload, reason) in [
        ("", "byte 0: expected a value, found the end"),
        (" ", "byte 1: expected a value, found the end"),
        ("\u{a0}{}", "byte 0: expected a value, found '\\u{a0}'"),
        (
            "{\u{b}\"type\":\"all\"}",
            "byte 1: expected a key in double quotes, found '\\u{b}'",
        ),
        ("undefined", "byte 0: expected a value, found 'u'"),
        ("NaN", "byte 0: expected a value, found 'N'"),
        (
            "\u{feff}{\"type\":\"all\"}",
            "byte 0: expected a value, found '\\u{feff}'",
        ),
        (r#"{"type":"all"}x"#, "byte 14: expected the end, found 'x'"),
        (
            r#"{"type":"all"}{"type":"all"}"#,
            "byte 14: expected the end, found '{'",
        ),
        (
            "{\"type\":\"all\"}\0",
            "byte 14: expected the end, found '\\0'",
        ),
        (
            r#"{"type":"all""#,
            "byte 13: expected `,` or `}`, found the end",
        ),
        (
            r#"{"type":"all",}"#,
            "byte 14: expected a key in double quotes, found '}'",
        ),
        (
            r#"{,"type":"all"}"#,
            "byte 1: expected a key in double quotes, found ','",
        ),
        (r#"{"type"="all"}"#, "byte 7: expected `:`, found '='"),
        (
            "{'type':'all'}",
            "byte 1: expected a key in double quotes, found '\\''",
        ),
        (
            r#"{"type":"channel""channelId":"1"}"#,
            "byte 17: expected `,` or `}`, found '\"'",
        ),
        (
            r#"{"channelId":"1""type":"channel"}"#,
            "byte 16: expected `,` or `}`, found '\"'",
        ),
        (
            r#"{,"channelId":"1","type":"channel"}"#,
            "byte 1: expected a key in double quotes, found ','",
        ),
        (
            r#"{"channelId":"1",,"type":"channel"}"#,
            "byte 17: expected a key in double quotes, found ','",
        ),
        (
            r#"{"type":"channel",,"channelId":"1"}"#,
            "byte 18: expected a key in double quotes, found ','",
        ),
        (
            r#"{"type":"add","entry":[1,]}"#,
            "byte 25: expected a value, found ']'",
        ),
        (
            r#"{"type":"add","entry":[1 2]}"#,
            "byte 25: expected `,` or `]`, found '2'",
        ),
        (
            r#"{"type":"add","entry":tru}"#,
            "byte 22: expected a value, found 't'",
        ),
        (
            r#"{"type":"add","entry":// c"#,
            "byte 22: expected a value, found '/'",
        ),
        // A defect of the syntax behind a duplicate key: the syntax is reported first.
        (
            r#"{"type":"all","type":"all""#,
            "byte 26: expected `,` or `}`, found the end",
        ),
        (
            r#"{"type":"add","entry":{"a":1,"a":}}"#,
            "byte 33: expected a value, found '}'",
        ),
    ] {
        rejects(payload, &format!("not JSON at {reason}"));
    }
}

#[test]
fn no_strings_of_json() {
    for (payload, reason) in [
        (
            r#"{"type":"channel","channelId":"1"#,
            "byte 32: expected a closing `\"`, found the end",
        ),
        (
            "{\"type\":\"channel\",\"channelId\":\"\n\"}",
            "byte 31: expected no control character within a string, found '\\n'",
        ),
        (
            r#"{"type":"channel","channelId":"\x"}"#,
            "byte 32: expected an escape that JSON knows, found 'x'",
        ),
        (
            r#"{"type":"channel","channelId":"\u00g0"}"#,
            "byte 35: expected a hexadecimal digit, found 'g'",
        ),
        (
            r#"{"type":"channel","channelId":"\u+123"}"#,
            "byte 33: expected a hexadecimal digit, found '+'",
        ),
        (
            r#"{"type":"channel","channelId":"\ud800"}"#,
            "byte 37: expected the second half of a surrogate pair, found '\"'",
        ),
        (
            r#"{"type":"channel","channelId":"\ud800\n"}"#,
            "byte 37: expected the second half of a surrogate pair, found '\\\\'",
        ),
        (
            r#"{"type":"channel","channelId":"\ud800\ud800"}"#,
            "byte 37: expected the second half of a surrogate pair, found '\\\\'",
        ),
        (
            r#"{"type":"channel","channelId":"\udc00"}"#,
            "byte 32: expected the first half of a surrogate pair, found 'u'",
        ),
    ] {
        rejects(payload, &format!("not JSON at {reason}"));
    }
}

#[test]
fn no_numbers_of_json() {
    for (number, at, reason) in [
        ("01", 24, "`,` or `}`, found '1'"),
        ("-", 24, "a digit, found ','"),
        ("-a", 24, "a digit, found 'a'"),
        ("+1", 23, "a value, found '+'"),
        (".5", 23, "a value, found '.'"),
        ("1.", 25, "a digit, found ','"),
        ("1e", 25, "a digit, found ','"),
        ("1e+", 26, "a digit, found ','"),
        ("0x1", 24, "`,` or `}`, found 'x'"),
        ("Infinity", 23, "a value, found 'I'"),
    ] {
        let payload = format!(r#"{{"type":"count","small":{number},"big":1,"on":true}}"#);
        rejects(
            payload,
            &format!("not JSON at byte {}: expected {reason}", at + 1),
        );
    }
}

#[test]
fn too_deep() {
    let deep = format!(r#"{{"type":"add","entry":{}"#, "[".repeat(300));
    rejects(deep, "nested more than 128 levels deep at byte 149");
    rejects(
        "[".repeat(900),
        "nested more than 128 levels deep at byte 128",
    );
    assert!(decode("[".repeat(900)).unwrap_err().is_malformed());
}

#[test]
fn no_object() {
    for (payload, found) in [
        ("null", "null"),
        ("true", "true"),
        ("42", "the number 42"),
        (r#""all""#, "the string \"all\""),
        (r#"["all"]"#, "an array"),
        ("[]", "an empty array"),
        (r#"[{"type":"all"}]"#, "an array"),
    ] {
        rejects(payload, &format!("expected an object, found {found}"));
    }
}
