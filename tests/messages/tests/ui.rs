//! What must not compile, and how the compiler says so. `TRYBUILD=overwrite` rewrites the messages.

#[test]
fn the_compiler_says_what_is_wrong() {
    trybuild::TestCases::new().compile_fail("tests/ui/*/*.rs");
}
