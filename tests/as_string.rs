//! Integers as strings of digits, for peers that round large numbers.

use cache_runtime::InvalidationEvent;

#[derive(Debug, PartialEq, InvalidationEvent)]
enum IdEvent {
    User {
        #[invalidation(as_string)]
        user_id: u64,
    },
    Users {
        #[invalidation(as_string, non_empty)]
        ids: Vec<i64>,
    },
    Widest {
        #[invalidation(as_string)]
        least: i128,
        #[invalidation(as_string)]
        most: u128,
        plain: u64,
    },
    All,
}

#[test]
fn every_number_is_read_as_it_was_written() {
    for (event, payload) in [
        (
            IdEvent::User {
                user_id: (1 << 53) + 1,
            },
            r#"{"type":"user","userId":"9007199254740993"}"#,
        ),
        (
            IdEvent::User { user_id: 0 },
            r#"{"type":"user","userId":"0"}"#,
        ),
        (
            IdEvent::User { user_id: u64::MAX },
            r#"{"type":"user","userId":"18446744073709551615"}"#,
        ),
        (
            IdEvent::Users {
                ids: vec![i64::MIN, -1, 0, i64::MAX],
            },
            r#"{"type":"users","ids":["-9223372036854775808","-1","0","9223372036854775807"]}"#,
        ),
        (
            IdEvent::Widest {
                least: i128::MIN,
                most: u128::MAX,
                plain: 7,
            },
            concat!(
                r#"{"type":"widest","least":"-170141183460469231731687303715884105728","#,
                r#""most":"340282366920938463463374607431768211455","plain":7}"#,
            ),
        ),
    ] {
        assert_eq!(event.encode().unwrap(), payload.as_bytes());
        assert_eq!(IdEvent::decode(payload.as_bytes()), Ok(event));
    }
    // Another spelling of the same text.
    let escaped = r#"{ "userId" : "\u0037" , "type" : "user" }"#;
    assert_eq!(
        IdEvent::decode(escaped.as_bytes()),
        Ok(IdEvent::User { user_id: 7 })
    );
}

#[test]
fn every_other_spelling_is_rejected() {
    let expected = "expected an integer from 0 to 18446744073709551615 as a string of digits";
    for text in [
        "",
        "-",
        "+",
        "-1",
        "-0",
        "+7",
        "07",
        "00",
        " 7",
        "7 ",
        "7\\n",
        "7.0",
        "7e1",
        "0x7",
        "7_0",
        "\u{667}",
        "18446744073709551616",
        "1,000",
        "null",
    ] {
        let payload = format!(r#"{{"type":"user","userId":"{text}"}}"#);
        let rejected = IdEvent::decode(payload.as_bytes()).unwrap_err().to_string();
        assert!(
            rejected.starts_with("key \"userId\": "),
            "{text:?}: {rejected}"
        );
        assert!(rejected.contains(expected), "{text:?}: {rejected}");
    }
    for value in ["7", "7.5", "true", "[\"7\"]", "{}"] {
        let payload = format!(r#"{{"type":"user","userId":{value}}}"#);
        let rejected = IdEvent::decode(payload.as_bytes()).unwrap_err().to_string();
        assert!(rejected.contains(expected), "{value}: {rejected}");
    }
    for (list, found) in [
        (r#"["1","-0"]"#, r#"key "ids[1]": expected an integer from"#),
        (r#"["01"]"#, r#"found string "01""#),
        ("[1]", "found integer `1`"),
        ("[]", "a value that is not empty"),
        ("\"1\"", "key \"ids\""),
        ("null", "found null"),
    ] {
        let payload = format!(r#"{{"type":"users","ids":{list}}}"#);
        let rejected = IdEvent::decode(payload.as_bytes()).unwrap_err().to_string();
        assert!(rejected.contains(found), "{list}: {rejected}");
    }
}
