//! Events as they are encoded, and as logs describe them.

use super::*;
use crate::wire::Description;

fn written(event: &Event) -> String {
    let mut out = Vec::new();
    encode(event, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn described(event: &Event) -> String {
    let mut json = Vec::new();
    let written = encode(event, &mut json);
    Description::new(&SCHEMA, written.as_ref().map(|()| &*json)).to_string()
}

fn keys(keys: &[&str]) -> Event {
    Event::Keys {
        keys: keys.iter().map(ToString::to_string).collect(),
    }
}

const COUNT: Event = Event::Count {
    small: 7,
    big: i128::MIN,
    on: true,
};

#[test]
fn canonical() {
    assert_eq!(written(&Event::All), r#"{"type":"all"}"#);
    assert_eq!(
        written(&channel("123")),
        r#"{"type":"channel","channelId":"123"}"#
    );
    assert_eq!(
        written(&COUNT),
        format!(
            r#"{{"type":"count","small":7,"big":{},"on":true}}"#,
            i128::MIN
        )
    );
    assert_eq!(
        written(&keys(&["a", ""])),
        r#"{"type":"keys","keys":["a",""]}"#
    );
    assert_eq!(
        written(&Event::Odd { odd: Some(1.5) }),
        r#"{"type":"o\"dd","ö\\":1.5}"#
    );
}

#[test]
fn strings_are_escaped_as_serde_json_does() {
    for special in (0..=0x1f_u8)
        .map(char::from)
        .chain(['"', '\\', '/', '\u{7f}', 'ä', '\u{2028}', '😀'])
    {
        for before in 0..20 {
            for after in [0, 1, 7, 8] {
                let text = format!("{}{special}{}", "a".repeat(before), "b".repeat(after));
                let value = serde_json::to_string(&text).unwrap();
                let expected = format!(r#"{{"type":"channel","channelId":{value}}}"#);
                assert_eq!(written(&channel(&text)), expected);
                assert_eq!(decode(expected), Ok(channel(&text)));
            }
        }
    }
}

#[test]
fn appends_and_leaves_the_buffer_alone_on_errors() {
    let mut out = b"before".to_vec();
    encode(&Event::All, &mut out).unwrap();
    assert_eq!(out, br#"before{"type":"all"}"#);
    for (event, reason) in [
        (
            channel(""),
            "cannot write `Event::Channel`: field `channel_id` must not be empty",
        ),
        (
            keys(&[]),
            "cannot write `Event::Keys`: field `keys` must not be empty",
        ),
        (
            Event::Odd { odd: None },
            "cannot write `Event::Odd`: field `odd` is null in JSON, which no receiver accepts",
        ),
        (
            Event::Odd {
                odd: Some(f64::NAN),
            },
            "cannot write `Event::Odd`: field `odd` is null in JSON, which no receiver accepts",
        ),
    ] {
        assert_eq!(encode(&event, &mut out).unwrap_err().to_string(), reason);
        assert_eq!(out, br#"before{"type":"all"}"#, "{reason}");
    }
}

#[test]
fn a_failing_serializer() {
    struct Failing;
    impl Serialize for Failing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no\nway"))
        }
    }
    impl<'de> Deserialize<'de> for Failing {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("no\nway"))
        }
    }
    let mut out = b"before".to_vec();
    let error = Writer::new(&SCHEMA, 1, &mut out)
        .field(0, &Failing)
        .finish()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write `Event::Add`: field `entry` cannot be serialized: no\\nway"
    );
    assert_eq!(out, b"before");
    assert_eq!((error.variant(), error.field()), ("Add", "entry"));

    let mut members = [Member::EMPTY; 3];
    scan(
        &SCHEMA,
        br#"{"type":"add","entry":[1]}"#,
        LIMIT,
        &mut members,
    )
    .unwrap();
    let rejection = field::<Failing>(&SCHEMA, 1, 0, &members).err().unwrap();
    assert_eq!(
        rejection.to_string(),
        "key \"entry\": expected `Entry`, found an array: no\\nway"
    );
}

#[test]
fn descriptions() {
    assert_eq!(described(&Event::All), "all");
    assert_eq!(described(&channel("123")), r#"channel {channelId: "123"}"#);
    assert_eq!(
        described(&channel("a\n\u{1b}[31m\u{202e}\"")),
        r#"channel {channelId: "a\n\u{1b}[31m\u{202e}\""}"#
    );
    assert_eq!(
        described(&channel(&"ü".repeat(65))),
        format!(r#"channel {{channelId: "{}"…}}"#, "ü".repeat(64))
    );
    let small = Event::Count {
        small: 7,
        big: -1,
        on: false,
    };
    assert_eq!(described(&small), "count {small: 7, big: -1, on: false}");
    assert_eq!(
        described(&keys(&["a\u{feff}", "\t"])),
        r#"keys {keys: ["a\u{feff}","\t"]}"#
    );
    assert_eq!(
        described(&channel("")),
        "cannot write `Event::Channel`: field `channel_id` must not be empty"
    );
}

#[test]
fn descriptions_are_bounded() {
    let wild = "\u{10ffff}".repeat(1000);
    let text = described(&channel(&wild));
    assert_eq!(text.chars().count(), 256);
    assert!(text.ends_with('…'), "{text}");
}
