//! Raw identifiers, and fields with names that generated code uses itself.

use ::cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use ::std::borrow::ToOwned;
use ::std::string::String;
use ::std::vec;
use ::std::vec::Vec;
use ::std::{assert_eq, assert_ne, matches};

/// Raw identifiers everywhere.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
#[allow(non_camel_case_types)]
pub enum r#yield {
    /// Raw fields.
    r#match {
        /// A keyword.
        r#fn: String,
        /// Another one.
        r#loop: u8,
    },
    /// Nothing in it.
    r#Empty {},
    /// Everything.
    All,
}

/// A raw service.
#[cache_invalidation(channel = "hygiene:raw", event = r#yield)]
#[derive(Debug, Clone)]
#[allow(non_camel_case_types)]
pub struct r#async;

/// Names that generated code uses for itself.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum Internals {
    /// Locals and parameters.
    Locals {
        /// .
        out: String,
        /// .
        writer: u8,
        /// .
        members: Vec<u8>,
        /// .
        bus: bool,
        /// .
        payload: String,
        /// .
        max_payload: String,
        /// .
        variant: String,
        /// .
        f0: String,
        /// .
        publisher: i64,
    },
    /// Items and associated items.
    Methods {
        /// .
        self_: u8,
        /// .
        this: String,
    },
    /// More `bool`s than clippy accepts.
    Switches {
        /// .
        a: bool,
        /// .
        b: bool,
        /// .
        c: bool,
        /// .
        d: bool,
    },
    /// The trait's constant.
    #[allow(clippy::upper_case_acronyms)]
    SCHEMA,
    /// Everything.
    All,
}

/// Fields with the names of the constructor's own parameters.
#[cache_invalidation(channel = "hygiene:internals", event = Internals)]
#[derive(Debug, Clone)]
pub struct Service {
    /// .
    pub bus: u8,
    /// .
    pub invalidator: String,
    /// .
    pub registration: Vec<u8>,
    /// .
    pub r#type: (),
}

impl Internals {
    /// The user's own constant of the trait's name.
    pub const SCHEMA_: u8 = 1;

    /// The user's own function of the trait's name.
    #[must_use]
    pub fn decode() -> u8 {
        Self::SCHEMA_
    }
}

#[::core::prelude::v1::test]
fn raw_names_are_plain_on_the_wire() {
    crate::run(async {
        let event = r#yield::r#match {
            r#fn: "f".to_owned(),
            r#loop: 1,
        };
        let json = br#"{"type":"match","fn":"f","loop":1}"#;
        assert_eq!(event.encode().unwrap(), json);
        assert_eq!(r#yield::decode(json).unwrap(), event);
        assert_eq!(
            r#yield::r#Empty {}.encode().unwrap(),
            br#"{"type":"empty"}"#
        );
        assert_eq!(r#yield::SCHEMA.name(), "yield");

        let service = r#async::new(&Bus::in_process());
        let _ = service.invalidate_match("f", 1).await.unwrap();
        let _ = service.invalidate_empty().await.unwrap();
        let _ = service.invalidate_all().await.unwrap();
        assert_ne!(::std::format!("{service:?}"), "");
    });
}

#[::core::prelude::v1::test]
fn fields_may_be_called_anything() {
    crate::run(async {
        let service = Service::new(&Bus::in_process(), 7, "i".to_owned(), vec![1], ());
        assert_eq!((service.bus, service.r#type), (7, ()));
        assert_eq!(
            (&*service.invalidator, &*service.registration),
            ("i", &[1][..])
        );
        let _ = service
            .invalidate_locals("o", 1, vec![2], true, "p", "m", "v", "f", -1)
            .await
            .unwrap();
        let _ = service.invalidate_methods(1, "t").await.unwrap();
        let _ = service.invalidate_schema().await.unwrap();
        let event = Internals::Methods {
            self_: 1,
            this: String::new(),
        };
        let json = event.encode().unwrap();
        assert_eq!(json, br#"{"type":"methods","self":1,"this":""}"#);
        let decoded = <Internals as InvalidationEvent>::decode(&json).unwrap();
        assert!(matches!(decoded, Internals::Methods { self_: 1, .. }));
        assert_eq!(Internals::decode(), 1);
    });
}
