//! What a server pushes on the connection for events.

#![no_main]

#[allow(dead_code, reason = "another target uses it")]
#[path = "../../tests/codec/agreement.rs"]
mod agreement;
#[path = "../../tests/codec/event.rs"]
mod event;
#[path = "../../tests/codec/pushes.rs"]
mod pushes;
#[path = "../../tests/codec/reference.rs"]
mod reference;
#[allow(dead_code, reason = "another target uses it")]
#[path = "../../tests/codec/services.rs"]
mod services;

libfuzzer_sys::fuzz_target!(|noise: &[u8]| {
    pushes::check(&pushes::pushes(noise));
});
