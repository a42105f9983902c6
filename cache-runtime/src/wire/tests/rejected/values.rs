//! Values that are empty or of another type.

use serde::{Deserialize, Serialize};

use super::rejects;
use crate::wire::tests::{LIMIT, Member, SCHEMA, decode, field, scan};

#[test]
fn wrong_values() {
    let found = |reason: &str, value: &str| {
        let payload = format!(r#"{{"type":"channel","channelId":{value}}}"#);
        rejects(
            payload,
            &format!("key \"channelId\": expected a string, found {reason}"),
        );
        let payload = format!(r#"{{ "channelId" : {value} , "type" : "channel" }}"#);
        rejects(
            payload,
            &format!("key \"channelId\": expected a string, found {reason}"),
        );
    };
    found("the number 42", "42");
    found("the number -1.5e-7", "-1.5e-7");
    found("true", "true");
    found("null", "null");
    found("an array", r#"["1"]"#);
    found("an object", r#"{"a":"1"}"#);

    let small = |value: &str, found: &str| {
        let payload = format!(r#"{{"type":"count","small":{value},"big":1,"on":true}}"#);
        rejects(
            payload,
            &format!("key \"small\": expected an integer from 0 to 255, found {found}"),
        );
    };
    small("256", "the number 256");
    small("-1", "the number -1");
    small("-0", "the number -0");
    small("1.0", "the number 1.0");
    small("1e2", "the number 1e2");
    small(
        "99999999999999999999999999999999999999999",
        "the number 99999999999999999999999999999999999999999",
    );
    small(&"9".repeat(90), &format!("the number {}…", "9".repeat(64)));
    small("\"1\"", "the string \"1\"");
    small("true", "true");
    small("null", "null");
    rejects(
        r#"{"type":"count","small":1,"big":-0,"on":true}"#,
        &format!(
            "key \"big\": expected an integer from {} to {}, found the number -0",
            i128::MIN,
            i128::MAX
        ),
    );
    rejects(
        r#"{"type":"count","small":1,"big":1,"on":1}"#,
        "key \"on\": expected true or false, found the number 1",
    );
    rejects(
        r#"{"type":"o\"dd","ö\\":null}"#,
        r#"key "ö\\": expected `Odd`, found null"#,
    );
    rejects(
        r#"{"type":"o\"dd","ö\\":1e999}"#,
        r#"key "ö\\": expected `Odd`, found the number 1e999: number out of range"#,
    );
}

#[test]
fn wrong_nested_values() {
    let entry = |entry: &str, reason: &str| {
        rejects(format!(r#"{{"type":"add","entry":{entry}}}"#), reason);
    };
    entry(
        r#"{"discordId":false,"mode":"mute"}"#,
        r#"key "entry.discordId": expected a string, found boolean `false`"#,
    );
    entry(
        r#"{"discordId":"1","mode":"shout, expected quiet"}"#,
        r#"key "entry.mode": expected one of `mute`, `block`, `until`, found unknown variant `shout, expected quiet`"#,
    );
    entry(
        r#"{"discordId":"1"}"#,
        r#"missing key "entry.mode" in event "add", found an object without it"#,
    );
    // Structs are objects, even where the items of an array would fit their fields.
    entry(
        r#"["1","mute"]"#,
        r#"key "entry": expected struct Entry, found sequence"#,
    );
    entry(
        r#"{"discordId":"1","mode":{"until":[7]}}"#,
        r#"key "entry.mode.until": expected struct variant Mode::Until, found sequence"#,
    );
    entry(
        "7",
        r#"key "entry": expected struct Entry, found integer `7`"#,
    );
    entry("null", r#"key "entry": expected `Entry`, found null"#);
    rejects(
        r#"{"type":"keys","keys":["a",1]}"#,
        r#"key "keys[1]": expected a string, found integer `1`"#,
    );
    let long = decode(format!(r#"{{"type":"add","entry":{:?}}}"#, "x".repeat(500))).unwrap_err();
    assert!(long.to_string().len() < 200, "{long}");
}

/// A type whose errors repeat the text that it was given.
#[derive(Debug, Serialize)]
struct Echo;

impl<'de> Deserialize<'de> for Echo {
    fn deserialize<D: serde::Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let text = String::deserialize(value)?;
        Err(serde::de::Error::custom(text))
    }
}

#[test]
fn messages_of_types_are_escaped_and_shortened() {
    for (text, end) in [
        (
            r"a\n\u202e",
            r#"`Entry`, found the string "a\n\u{202e}": a\n\u{202e}"#,
        ),
        (r"a, expected b\n\u202e", r"b\n\u{202e}, found a"),
    ] {
        let payload = format!(r#"{{"type":"add","entry":"{text}"}}"#);
        let mut members = [Member::EMPTY; 3];
        scan(&SCHEMA, payload.as_bytes(), LIMIT, &mut members).unwrap();
        let rejection = field::<Echo>(&SCHEMA, 1, 0, &members).unwrap_err();
        assert_eq!(
            rejection.to_string(),
            format!("key \"entry\": expected {end}")
        );
    }
    let payload = format!(
        r#"{{"type":"add","entry":"a, expected {}"}}"#,
        "b".repeat(900)
    );
    let mut members = [Member::EMPTY; 3];
    scan(&SCHEMA, payload.as_bytes(), LIMIT, &mut members).unwrap();
    let rejection = field::<Echo>(&SCHEMA, 1, 0, &members).unwrap_err();
    assert!(rejection.to_string().len() < 400, "{rejection}");
}

#[test]
fn empty_values() {
    for (payload, reason) in [
        (
            r#"{"type":"channel","channelId":""}"#,
            r#""channelId": expected a value that is not empty, found """#,
        ),
        (
            r#"{"channelId":"","type":"channel"}"#,
            r#""channelId": expected a value that is not empty, found """#,
        ),
        (
            r#"{ "type":"channel","channelId":""}"#,
            r#""channelId": expected a value that is not empty, found """#,
        ),
        (
            r#"{"type":"keys","keys":[]}"#,
            r#""keys": expected a value that is not empty, found []"#,
        ),
        (
            r#"{"type":"keys","keys":[ ]}"#,
            r#""keys": expected a value that is not empty, found [ ]"#,
        ),
    ] {
        rejects(payload, &format!("key {reason}"));
    }
}

/// `serde_json` leaves the rest of such a number unread.
#[test]
fn a_number_is_read_to_its_end() {
    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    struct Wide(i128);

    for (value, is_integer) in [("1", true), ("1.5", false), ("1e2", false)] {
        let payload = format!(r#"{{"type":"add","entry":{value}}}"#);
        let mut members = [Member::EMPTY; 3];
        scan(&SCHEMA, payload.as_bytes(), LIMIT, &mut members).unwrap();
        let read = field::<Wide>(&SCHEMA, 1, 0, &members);
        assert_eq!(read.is_ok(), is_integer, "{value}: {read:?}");
    }
}
