//! What must not compile, and how the compiler says so. `TRYBUILD=overwrite` rewrites the messages.

#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("tests/ui/*/*.rs");
}
