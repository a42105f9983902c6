//! Keys that are duplicate, unknown, extra or missing.

use super::rejects;
use crate::wire::tests::{decode, many_keys};

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
    // The key of another event is an extra key too.
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
