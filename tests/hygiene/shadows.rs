//! A user's own types with well-known names.

#![allow(dead_code)]

use ::cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use ::serde::{Deserialize, Serialize};
use ::std::assert_eq;
use ::std::clone::Clone as _;

/// Not the standard library's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct String(u8);

/// Not the standard library's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vec(u8);

/// Not the standard library's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Result(u8);

/// Not the standard library's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(non_camel_case_types)]
pub struct u8_(u8);

/// Not the standard library's.
pub trait Into {}

/// Not the standard library's.
pub trait From {}

/// Not the standard library's.
pub trait Deref {}

/// Not the runtime's.
pub trait Service {}

/// Not the runtime's.
pub trait EventField {}

/// Not the runtime's.
#[derive(Debug, Clone, Copy)]
pub struct OnRejected;

/// Not the runtime's.
pub trait IsEvent {}

/// Not the runtime's.
pub struct Invalidator;

/// Not the standard library's.
#[allow(non_camel_case_types)]
pub enum usize {}

/// Not the standard library's.
#[allow(non_camel_case_types)]
pub enum str {}

/// Not the runtime's.
pub mod core {}

/// Not the standard library.
pub mod std {}

/// Not the runtime.
pub mod cache_runtime {}

/// Fields of the types above.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum Event {
    /// .
    Ok {
        /// .
        string: String,
        /// .
        vec: Vec,
        /// .
        result: Result,
        /// .
        other: u8_,
    },
    /// .
    Err,
    /// .
    None,
    /// .
    #[invalidation(all)]
    Some,
}

/// A service of it.
#[cache_invalidation(channel = "hygiene:shadows", event = Event, on_rejected = "ignore")]
#[derive(Debug, Clone)]
pub struct Shadows;

#[::core::prelude::v1::test]
fn shadowed_names_do_no_harm() {
    crate::run(async {
        let service = Shadows::new(&Bus::in_process());
        let string = String(1);
        let _ = service
            .invalidate_ok(string.clone(), Vec(2), Result(3), u8_(4))
            .await
            .unwrap();
        let _ = service.invalidate_err().await.unwrap();
        let event = Event::Ok {
            string,
            vec: Vec(2),
            result: Result(3),
            other: u8_(4),
        };
        let json = br#"{"type":"ok","string":1,"vec":2,"result":3,"other":4}"#;
        assert_eq!(event.encode().unwrap(), json);
        assert_eq!(Event::all(), Event::Some);
    });
}
