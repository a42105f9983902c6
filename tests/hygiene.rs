//! Generated code compiles in any place, with any names in scope, and under strict lints.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, clippy::all, clippy::pedantic)]
// Public items of a test are not reachable; `tests/renamed` is a library, and denies both lints.
#![allow(missing_docs, unreachable_pub)]
#![deny(
    missing_copy_implementations,
    missing_debug_implementations,
    single_use_lifetimes,
    unused_lifetimes,
    unused_qualifications,
    unused_results
)]

#[path = "hygiene/names.rs"]
mod names;
#[path = "hygiene/places.rs"]
mod places;
#[path = "hygiene/shadows.rs"]
mod shadows;

/// Runs a test; `#[tokio::test]` itself needs names from the prelude.
fn run(test: impl ::std::future::Future<Output = ()>) {
    ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}
