use super::*;
use crate::codec::RejectionKind;

fn rejects(payload: impl AsRef<[u8]>, reason: &str) {
    let payload = payload.as_ref();
    match decode(payload) {
        Ok(event) => panic!("accepted as {event:?}: {}", payload.escape_ascii()),
        Err(rejection) => {
            assert_eq!(rejection.to_string(), reason, "{}", payload.escape_ascii());
        }
    }
}

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
        // Behind a duplicate key, which is the lesser defect.
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

#[test]
fn duplicate_keys() {
    rejects(r#"{"type":"all","type":"all"}"#, "duplicate key \"type\"");
    rejects(
        r#"{"type":"all","t\u0079pe":"all"}"#,
        "duplicate key \"type\"",
    );
    rejects(
        r#"{"type":"channel","channelId":"1","channelId":"1"}"#,
        "duplicate key \"channelId\"",
    );
    rejects(
        r#"{"channelId":"1","channelId":"1","type":"channel"}"#,
        "duplicate key \"channelId\"",
    );
    rejects(
        r#"{"type":"count","small":1,"small":1,"on":true}"#,
        "duplicate key \"small\"",
    );
    rejects(r#"{"x":1,"type":"all","x":1}"#, "duplicate key \"x\"");
    let entry = r#"{"type":"add","entry":{"discordId":"1","mode":"mute",_}}"#;
    for (nested, key) in [
        (r#""mode":"mute""#, "mode"),
        (r#""m\u006fde":"mute""#, "mode"),
        (r#""x":1,"x":2"#, "x"),
        (r#""\u0078":1,"\u0078":2"#, "x"),
        (r#""x":[0,{"y":{"":1,"":1}}]"#, ""),
    ] {
        rejects(
            entry.replace('_', nested),
            &format!("duplicate key {key:?} within \"entry\""),
        );
    }
}

#[test]
fn duplicates_among_many_keys() {
    let keys = many_keys();
    for key in ["k0", "k7", "k8", "k59", r"\u006b59"] {
        let payload = format!(r#"{{"type":"add","entry":{{{keys}"{key}":1}}}}"#);
        let key = key.replace(r"\u006b", "k");
        rejects(payload, &format!("duplicate key {key:?} within \"entry\""));
    }
}

#[test]
fn unknown_event() {
    let known = r#"expected one of "channel", "add", "keys", "count", "o\"dd", "all""#;
    for (tag, found) in [
        ("chanel", "\"chanel\"".to_owned()),
        ("", "\"\"".to_owned()),
        ("ALL", "\"ALL\"".to_owned()),
        (r"a\u202ell", "\"a\\u{202e}ll\"".to_owned()),
        (&"x".repeat(100), format!("\"{}\"…", "x".repeat(64))),
    ] {
        let reason = format!("unknown event type {found}, {known}");
        rejects(format!(r#"{{"type":"{tag}"}}"#), &reason);
        rejects(format!(r#"{{"x":1,"type":"{tag}"}}"#), &reason);
    }
    assert!(decode(r#"{"type":"new"}"#).unwrap_err().is_unknown_event());
}

#[test]
fn tag() {
    rejects("{}", "missing key \"type\", found no keys");
    rejects(
        r#"{"Type":"all"}"#,
        "missing key \"type\", found only \"Type\"",
    );
    rejects(
        r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#,
        r#"missing key "type", found only "a", "b", "c", "d", …"#,
    );
    rejects(
        r#"{"type":null}"#,
        "key \"type\": expected a string, found null",
    );
    rejects(
        r#"{"type":["all"]}"#,
        "key \"type\": expected a string, found an array",
    );
}

#[test]
fn extra_keys() {
    rejects(
        r#"{"type":"all","foo":1}"#,
        r#"extra key "foo" in event "all", expected only "type""#,
    );
    rejects(
        r#"{"foo":null,"type":"all"}"#,
        r#"extra key "foo" in event "all", expected only "type""#,
    );
    rejects(
        r#"{"type":"channel","channelID":"1"}"#,
        r#"extra key "channelID" in event "channel", expected only "type", "channelId""#,
    );
    // Another event's key is as foreign as any.
    rejects(
        r#"{"type":"channel","channelId":"1","keys":["a"]}"#,
        r#"extra key "keys" in event "channel", expected only "type", "channelId""#,
    );
    rejects(
        r#"{"a":1,"b":1,"c":1,"d":1,"type":"all"}"#,
        r#"extra key "a" in event "all", expected only "type""#,
    );
}

#[test]
fn missing_keys() {
    rejects(
        r#"{"type":"channel"}"#,
        r#"missing key "channelId" in event "channel", found only "type""#,
    );
    rejects(
        r#"{"on":true,"type":"count","small":1}"#,
        r#"missing key "big" in event "count", found only "type", "small", "on""#,
    );
}

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

/// A type whose messages repeat what they were given.
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
        let mut slots = [Slot::EMPTY; 3];
        scan(&SCHEMA, payload.as_bytes(), LIMIT, &mut slots).unwrap();
        let rejection = field::<Echo>(&SCHEMA, 1, 0, &slots).unwrap_err();
        assert_eq!(
            rejection.to_string(),
            format!("key \"entry\": expected {end}")
        );
    }
    let payload = format!(
        r#"{{"type":"add","entry":"a, expected {}"}}"#,
        "b".repeat(900)
    );
    let mut slots = [Slot::EMPTY; 3];
    scan(&SCHEMA, payload.as_bytes(), LIMIT, &mut slots).unwrap();
    let rejection = field::<Echo>(&SCHEMA, 1, 0, &slots).unwrap_err();
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

/// With every defect at once, the reported one is the first in the documented order.
#[test]
fn order_of_defects() {
    use RejectionKind as Kind;
    let kind = |payload: &str| decode(payload).map_err(|rejection| rejection.kind());
    for (payload, first) in [
        (r#"{"x":1,"x":1,"type":"chanel"}"#, Kind::DuplicateKey),
        (r#"{"x":1,"type":"chanel"}"#, Kind::UnknownEvent),
        (r#"{"x":1,"type":"count","small":""}"#, Kind::ExtraKey),
        (r#"{"type":"count","small":"","big":""}"#, Kind::MissingKey),
        (
            r#"{"type":"count","small":"","big":"","on":""}"#,
            Kind::WrongValue,
        ),
    ] {
        assert_eq!(kind(payload), Err(first), "{payload}");
    }
}

#[test]
fn a_rejection_is_one_word() {
    assert_eq!(size_of::<Rejection>(), size_of::<usize>());
    assert_eq!(size_of::<EncodeError>(), size_of::<usize>());
}
