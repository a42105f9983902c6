//! Sequences of messages over the bus in this process, in two channels.

#![no_main]

#[allow(dead_code, reason = "only the other target uses it")]
#[path = "../../tests/codec/agreement.rs"]
mod agreement;
#[path = "../../tests/codec/deliveries.rs"]
mod deliveries;
#[path = "../../tests/codec/event.rs"]
mod event;
#[path = "../../tests/codec/reference.rs"]
mod reference;
#[allow(dead_code, reason = "only the other target uses all of it")]
#[path = "../../tests/codec/services.rs"]
mod services;

libfuzzer_sys::fuzz_target!(|noise: &[u8]| {
    deliveries::check(&deliveries::messages(noise));
});
