//! What can be exported, and how a change of the contract is noticed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs, panic};

use cache_runtime::InvalidationEvent;
use cache_runtime::export::{self, Contract};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    A { b: u8 },
}

#[derive(Debug, Serialize, Deserialize)]
struct Recursive {
    inner: Vec<Recursive>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

#[derive(Debug, Serialize, Deserialize)]
struct Named(BTreeMap<String, Named>);

#[derive(Debug, Serialize, Deserialize)]
struct Pair(u8, Option<Box<Pair>>);

#[derive(Debug, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    inner: BTreeMap<String, u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Alias {
    #[serde(alias = "b")]
    a: u8,
}

#[derive(Debug, Serialize, Deserialize)]
enum Lenient {
    A,
    #[serde(other)]
    Other,
}

#[derive(Debug, Serialize, Deserialize)]
enum Never {}

/// Why an event with a field of a type cannot be exported.
macro_rules! why {
    ($type:ty) => {{
        #[derive(InvalidationEvent)]
        enum Event {
            Changed { field: $type },
            All,
        }
        let why = Contract::of::<Event>().unwrap_err().to_string();
        let start = concat!(
            "cannot export `Event::Changed`: the type `",
            stringify!($type),
            "` of field `field` cannot be described: "
        );
        why.strip_prefix(start).unwrap_or(&why).to_owned()
    }};
}

#[test]
fn types_that_cannot_be_described_are_named() {
    assert_eq!(why!(Uuid), r#"its `Deserialize` rejects "7""#);
    assert_eq!(why!(Recursive), "it contains itself");
    assert_eq!(why!(Tree), "it contains itself");
    assert_eq!(why!(Named), "it contains itself");
    assert_eq!(why!(Pair), "it contains itself");
    assert_eq!(why!(Flat), "it has a flattened field");
    assert_eq!(why!(Vec<Never>), "no value of it exists");
    assert_eq!(why!(Tagged), "its `Deserialize` rejects {}",);
    assert_eq!(why!(Alias), r#"its `Deserialize` rejects {"a":7,"b":7}"#);
    assert_eq!(why!(Lenient), r#"its `Deserialize` accepts "no such name""#);
}

/// Changing it means that deployed instances report another contract.
#[test]
fn fingerprints_stay_the_same() {
    #[derive(InvalidationEvent)]
    enum UserEvent {
        User { id: u64, names: Vec<String> },
        All,
    }
    assert_eq!(UserEvent::SCHEMA.fingerprint().unwrap(), "d118254d508e95b8");
}

#[test]
fn what_the_wire_shows_changes_the_fingerprint() {
    macro_rules! fingerprint {
        ($($event:tt)*) => {{
            #[derive(InvalidationEvent)]
            $($event)*
            Event::SCHEMA.fingerprint().unwrap()
        }};
    }
    let different = [
        fingerprint!(
            enum Event {
                User { id: u64 },
                All,
            }
        ),
        fingerprint!(
            enum Event {
                User { id: u32 },
                All,
            }
        ),
        fingerprint!(
            enum Event {
                User { id: String },
                All,
            }
        ),
        fingerprint!(
            enum Event {
                User {
                    #[invalidation(non_empty)]
                    id: String,
                },
                All,
            }
        ),
        fingerprint!(
            enum Event {
                User {
                    #[invalidation(as_string)]
                    id: u64,
                },
                All,
            }
        ),
        fingerprint!(
            enum Event {
                User { key: u64 },
                All,
            }
        ),
        fingerprint!(
            enum Event {
                Person { id: u64 },
                All,
            }
        ),
        fingerprint!(
            enum Event {
                User { id: u64 },
                Other,
                All,
            }
        ),
        fingerprint!(
            #[invalidation(tag = "kind")]
            enum Event {
                User { id: u64 },
                All,
            }
        ),
    ];
    for (index, one) in different.iter().enumerate() {
        assert!(!different[..index].contains(one), "{index} is a duplicate");
    }
    let same = fingerprint!(
        enum Event {
            All,
            #[invalidation(rename = "user")]
            Person {
                #[invalidation(rename = "id")]
                person: u64,
            },
        }
    );
    assert_eq!(same, different[0]);
}

/// A file of this test's own, with a text.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_current_file_passes() {
    export::assert_current(file("current.ts", "a\r\nb\n"), "a\nb\n");
}

/// What comparing a file panics with. With `UPDATE_EXPECT` it would be written.
fn panic_of(path: PathBuf, exported: &'static str) -> Option<String> {
    if env::var_os("UPDATE_EXPECT").is_some() {
        return None;
    }
    let compared = panic::catch_unwind(|| export::assert_current(path, exported));
    let message = compared.expect_err("the file is another");
    message.downcast_ref::<String>().cloned()
}

#[test]
fn another_file_is_shown() {
    let end = "run the test with UPDATE_EXPECT=1 to write it\n\
               line 2 is:      c\nwould become: b";
    if let Some(message) = panic_of(file("other.ts", "a\nc\n"), "a\nb\n") {
        assert!(message.ends_with(end), "{message}");
    }
    if let Some(message) = panic_of(PathBuf::from("no/such.ts"), "") {
        assert!(message.starts_with("cannot read no/such.ts: "), "{message}");
    }
}
