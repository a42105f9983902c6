//! Payloads, as an event of every type.

#![no_main]

#[path = "../../tests/codec/agreement.rs"]
mod agreement;
#[path = "../../tests/codec/event.rs"]
mod event;
#[path = "../../tests/codec/reference.rs"]
mod reference;
#[path = "../../tests/codec/services.rs"]
mod services;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| agreement::of(payload));
