//! The wire format against a slow reference, with random events, with random edits of payloads, and
//! with those that fuzzing has found.

#[path = "codec/agreement.rs"]
mod agreement;
#[path = "codec/corpus.rs"]
mod corpus;
#[path = "codec/deliveries.rs"]
mod deliveries;
#[path = "codec/event.rs"]
mod event;
#[path = "codec/pushes.rs"]
mod pushes;
#[path = "codec/reference.rs"]
mod reference;
#[path = "codec/services.rs"]
mod services;

use cache_runtime::InvalidationEvent;
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use event::{Alias, Event, Inner, Level, Outer};

/// Integers that `serde_json::Value` cannot hold, and so the reference cannot read.
#[derive(Debug, Clone, PartialEq, InvalidationEvent)]
enum Wide {
    Numbers {
        a: i8,
        b: u16,
        c: i32,
        d: u32,
        e: u64,
        f: i128,
        g: u128,
        h: isize,
    },
    All,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{0,20}",
        ".{0,12}",
        vec(
            prop::sample::select(vec![
                '"', '\\', '/', '\0', '\n', '\u{1f}', '}', ',', 'ä', '\u{2028}', '😀'
            ]),
            0..12
        )
        .prop_map(String::from_iter),
    ]
}

fn outer() -> impl Strategy<Value = Outer> {
    let level = prop_oneof![
        Just(Level::Low),
        any::<u8>().prop_map(|by| Level::High { by })
    ];
    let inner = (any::<i32>(), any::<Option<bool>>()).prop_map(|(a, b)| Inner { a, b });
    (text(), level, vec(inner, 0..3)).prop_map(|(some_name, level, inner)| Outer {
        some_name,
        level,
        inner,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let uuid = || any::<u128>().prop_map(Uuid::from_u128);
    prop_oneof![
        (
            text(),
            text().prop_filter("not empty", |name| !name.is_empty())
        )
            .prop_map(|(text, name)| Event::Text { text, name }),
        any::<(u8, i16, i64, usize, bool)>().prop_map(|(tiny, small, signed, size, on)| {
            Event::Numbers {
                tiny,
                small,
                signed,
                size,
                on,
            }
        }),
        (uuid(), text().prop_map(Alias), vec(uuid(), 1..4))
            .prop_map(|(id, alias, ids)| Event::Ids { id, alias, ids }),
        outer().prop_map(|outer| Event::Nested { outer }),
        Just(Event::All),
    ]
}

/// How a payload is changed: its members are reordered, spaced and escaped, then edited.
#[derive(Debug, Clone)]
struct Spoiling {
    rotate: usize,
    space: bool,
    escape: bool,
    edits: Vec<Edit>,
}

#[derive(Debug, Clone)]
enum Edit {
    Delete(prop::sample::Index),
    Insert(prop::sample::Index, &'static str),
    Replace(prop::sample::Index, u8),
    Swap(prop::sample::Index, prop::sample::Index),
    /// Inserts a copy of some bytes right after them.
    Repeat(prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

/// Pieces that have a meaning in JSON or in these events.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    " ",
    "\n",
    "0",
    "-",
    ".",
    "e1",
    "null",
    "true",
    "false",
    "\u{feff}",
    "\\u0041",
    "\\ud800",
    "\\udc00",
    "\\u",
    "//",
    "\u{7f}",
    "ä",
    "\"event type\":",
    "\"event type\":\"All\"",
    "\"name\":\"\",",
    ",\"extra\":1",
    "\"a\":1,",
    "\"b\":null,",
    ",\"x\":{\"y\":1,\"y\":2}",
    "[]",
    "{}",
    "\"\"",
];

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(Edit::Delete),
        (index(), prop::sample::select(PIECES)).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (index(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (index(), index()).prop_map(|(a, b)| Edit::Swap(a, b)),
        (index(), 1..40usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
        index().prop_map(Edit::Truncate),
    ]
}

fn spoiling() -> impl Strategy<Value = Spoiling> {
    (0..6usize, any::<bool>(), any::<bool>(), vec(edit(), 0..4)).prop_map(
        |(rotate, space, escape, edits)| Spoiling {
            rotate,
            space,
            escape,
            edits,
        },
    )
}

impl Spoiling {
    /// Another spelling of the same event.
    fn respell(&self, canonical: &[u8]) -> Vec<u8> {
        let value: serde_json::Map<_, _> =
            serde_json::from_slice(canonical).expect("canonical JSON");
        let mut members: Vec<String> = value
            .iter()
            .map(|(key, value)| format!("{}{}", self.string(key), self.rest(value)))
            .collect();
        let rotate = self.rotate % members.len();
        members.rotate_left(rotate);
        let comma = if self.space { "\t,\n" } else { "," };
        format!("{{{}}}", members.join(comma)).into_bytes()
    }

    fn rest(&self, value: &serde_json::Value) -> String {
        let colon = if self.space { " : " } else { ":" };
        match value {
            serde_json::Value::String(text) => format!("{colon}{}", self.string(text)),
            other => format!("{colon}{other}"),
        }
    }

    fn string(&self, text: &str) -> String {
        if !self.escape {
            return serde_json::Value::from(text).to_string();
        }
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
        format!("\"{}\"", units.collect::<Vec<_>>().concat())
    }

    fn edit(&self, payload: &mut Vec<u8>) {
        for edit in &self.edits {
            if payload.is_empty() {
                return;
            }
            let length = payload.len();
            match edit {
                Edit::Delete(at) => drop(payload.remove(at.index(length))),
                Edit::Insert(at, piece) => {
                    let at = at.index(length + 1);
                    payload.splice(at..at, piece.bytes());
                }
                Edit::Replace(at, byte) => payload[at.index(length)] = *byte,
                Edit::Swap(a, b) => payload.swap(a.index(length), b.index(length)),
                Edit::Repeat(at, count) => {
                    let at = at.index(length);
                    let end = (at + count).min(length);
                    let piece = payload[at..end].to_vec();
                    payload.splice(end..end, piece);
                }
                Edit::Truncate(at) => payload.truncate(at.index(length)),
            }
        }
    }
}

/// At least 2,000 cases; `PROPTEST_CASES` sets more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(2000),
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn decoding_undoes_encoding(event in event()) {
        let payload = event.encode().unwrap();
        prop_assert_eq!(Event::decode(&payload).unwrap(), event.clone());
        prop_assert_eq!(reference::decode(&payload).unwrap(), event.clone());
        prop_assert!(event.describe().to_string().chars().count() <= 256);
    }

    #[test]
    fn decoding_undoes_encoding_of_wide_integers(
        (a, b, c, d, e) in any::<(i8, u16, i32, u32, u64)>(),
        (f, g, h) in any::<(i128, u128, isize)>(),
    ) {
        let event = Wide::Numbers { a, b, c, d, e, f, g, h };
        prop_assert_eq!(Wide::decode(&event.encode().unwrap()).unwrap(), event);
    }

    #[test]
    fn every_spelling_means_the_same(event in event(), spoiling in spoiling()) {
        let payload = spoiling.respell(&event.encode().unwrap());
        prop_assert_eq!(Event::decode(&payload).unwrap(), event, "{}", payload.escape_ascii());
    }

    #[test]
    fn agrees_with_the_reference_on_spoiled_events(event in event(), spoiling in spoiling()) {
        let canonical = event.encode().unwrap();
        let mut payload = canonical.clone();
        spoiling.edit(&mut payload);
        agreement::of(&payload);
        let mut payload = spoiling.respell(&canonical);
        spoiling.edit(&mut payload);
        agreement::of(&payload);
    }

    #[test]
    fn agrees_with_the_reference_on_noise(bytes in vec(any::<u8>(), 0..64)) {
        agreement::of(&bytes);
    }

    #[test]
    fn agrees_with_the_reference_on_heaps_of_pieces(pieces in vec(prop::sample::select(PIECES), 0..24)) {
        agreement::of(pieces.concat().as_bytes());
    }

    #[test]
    fn a_payload_is_never_read_beyond_its_limit(event in event(), limit in 0..200usize) {
        let payload = event.encode().unwrap();
        let decoded = Event::decode_within(&payload, limit);
        prop_assert_eq!(decoded.is_ok(), payload.len() <= limit);
    }
}

#[derive(Debug, Clone, PartialEq, InvalidationEvent)]
enum Boxed {
    Names { names: Box<[String]> },
    All,
}

#[test]
fn boxed_slices_are_fields() {
    let event = Boxed::Names {
        names: Box::new(["Ada".to_owned()]),
    };
    let payload = event.encode().unwrap();
    assert_eq!(payload, br#"{"type":"names","names":["Ada"]}"#);
    assert_eq!(Boxed::decode(&payload).unwrap(), event);
    assert_eq!(Boxed::decode(br#"{"type":"all"}"#).unwrap(), Boxed::All);
}
