//! Payloads that are accepted.

use super::*;

fn accepts(payload: &str, event: &Event) {
    assert_eq!(decode(payload).as_ref(), Ok(event), "{payload}");
}

#[test]
fn canonical() {
    accepts(r#"{"type":"all"}"#, &Event::All);
    accepts(r#"{"type":"channel","channelId":"123"}"#, &channel("123"));
    let long = "käse 日本 😀 \u{2028}".repeat(9);
    accepts(
        &format!(r#"{{"type":"channel","channelId":"{long}"}}"#),
        &channel(&long),
    );
}

#[test]
fn any_order_and_white_space() {
    let event = Event::Count {
        small: 7,
        big: -8,
        on: true,
    };
    accepts(r#"{"type":"count","small":7,"big":-8,"on":true}"#, &event);
    accepts(r#"{"type":"count","on":true,"small":7,"big":-8}"#, &event);
    accepts(r#"{"on":true,"big":-8,"small":7,"type":"count"}"#, &event);
    accepts(r#"{"on":true,"type":"count","big":-8,"small":7}"#, &event);
    accepts(
        " {\n\"on\" :\ttrue , \"small\":7,\r\"big\":-8,\"type\":\"count\" } \n",
        &event,
    );
    accepts(" { \"type\" : \"all\" } ", &Event::All);
}

#[test]
fn a_value_that_looks_like_the_tag() {
    accepts(
        r#"{"channelId":",\"type\":\"all\"}","type":"channel"}"#,
        &channel(r#","type":"all"}"#),
    );
    accepts(r#"{"type":"channel","channelId":"\"}"}"#, &channel("\"}"));
    accepts(r#"{"type":"channel","channelId":"a\\"}"#, &channel("a\\"));
}

#[test]
fn escapes() {
    accepts(
        r#"{"type":"channel","channelId":"\"\\\/\b\f\n\r\t\u0000\u00e4\uD83D\ude01x"}"#,
        &channel("\"\\/\u{8}\u{c}\n\r\t\0ä😁x"),
    );
    accepts(
        r#"{"t\u0079pe":"ch\u0061nnel","channel\u0049d":"\u0031"}"#,
        &channel("1"),
    );
    accepts(
        r#"{"\u006fn":true,"b\u0069g":1,"sm\u0061ll":0,"type":"c\u006funt"}"#,
        &Event::Count {
            small: 0,
            big: 1,
            on: true,
        },
    );
    let odd = Event::Odd { odd: Some(1.5) };
    accepts(r#"{"type":"o\"dd","ö\\":1.5}"#, &odd);
    accepts(r#"{"ö\u005c":1.5,"type":"o\u0022dd"}"#, &odd);
}

#[test]
fn numbers_at_the_edges() {
    for (text, small, big) in [("0", 0, 0), ("255", 255, 255)] {
        let payload = format!(r#"{{"type":"count","small":{text},"big":{text},"on":false}}"#);
        accepts(
            &payload,
            &Event::Count {
                small,
                big,
                on: false,
            },
        );
    }
    for big in [i128::MIN, i128::MAX] {
        let payload = format!(r#"{{"type":"count","small":0,"big":{big},"on":false}}"#);
        accepts(
            &payload,
            &Event::Count {
                small: 0,
                big,
                on: false,
            },
        );
    }
}

#[test]
fn nested() {
    let event = Event::Add {
        entry: Entry {
            discord_id: "1".to_owned(),
            mode: Mode::Block,
        },
    };
    accepts(
        r#"{"type":"add","entry":{"discordId":"1","mode":"block"}}"#,
        &event,
    );
    // Unknown keys of a nested value are ignored, as long as they are JSON.
    accepts(
        r#"{"entry":{"x":[{"a":1e999,"b":[]},-0.5E+3,null,true],"mode":"block","discordId":"1"},"type":"add"}"#,
        &event,
    );
    let event = Event::Add {
        entry: Entry {
            discord_id: "1".to_owned(),
            mode: Mode::Until { hour: 7 },
        },
    };
    accepts(
        r#"{"type":"add","entry":{"discordId":"1","mode":{"until":{"hour":7}}}}"#,
        &event,
    );
    let keys = |keys: &[&str]| Event::Keys {
        keys: keys.iter().map(ToString::to_string).collect(),
    };
    accepts(r#"{"type":"keys","keys":["a","a"]}"#, &keys(&["a", "a"]));
    accepts(r#"{"type":"keys","keys":[ "" ]}"#, &keys(&[""]));
}

#[test]
fn many_nested_keys() {
    let keys = many_keys();
    let payload = format!(r#"{{"type":"add","entry":{{{keys}"discordId":"1","mode":"mute"}}}}"#);
    assert!(decode(payload).is_ok());
}

#[test]
fn as_deep_as_allowed() {
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"type":"add","entry":{{"discordId":"1","mode":"mute","x":{open}{close}}}}}"#)
    };
    assert!(decode(deep(126)).is_ok());
    assert!(decode(deep(127)).is_err());
}
