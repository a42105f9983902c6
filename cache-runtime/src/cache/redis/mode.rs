//! Whether events evict from a cache, as a type.

/// No event evicts from the cache: entries may be inserted and removed, and live for their TTL.
#[derive(Debug)]
pub enum Plain {}

/// Events evict from the cache: every entry comes from a load.
#[derive(Debug)]
pub enum Coherent {}

/// A cache whose entries may be inserted and removed, because no event evicts from it.
#[diagnostic::on_unimplemented(
    message = "entries of a cache that events evict from cannot be inserted or removed",
    note = "a value inserted here may be older than the last event: use `get_or_load`, and publish an event to evict"
)]
pub trait Writable: sealed::Sealed {}
impl Writable for Plain {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Plain {}
}
