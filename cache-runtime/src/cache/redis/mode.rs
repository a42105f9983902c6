//! What kind of cache in Redis it is, as a type.

use std::fmt;
use std::marker::PhantomData;

/// No event evicts from the cache: entries may be set and removed, and live for their TTL.
#[derive(Debug)]
pub enum Plain {}

/// Events evict from the cache: entries come from fetches alone.
#[derive(Debug)]
pub enum Coherent {}

/// Entries are refreshed ahead of expiry, in the background: fetches must be able to go there.
pub struct Ahead<M = Plain>(PhantomData<M>);

/// What a [`RedisCache`](super::RedisCache) is: [`Plain`], [`Coherent`], or either [`Ahead`].
pub trait Mode: sealed::Sealed {
    /// The same with `evict_on`.
    type Evicting: Mode;
    /// The same with `refresh_ahead`.
    type Refreshing: Mode;
}

/// A cache whose entries may be set and removed, because no event evicts from it.
#[diagnostic::on_unimplemented(
    message = "entries of a cache that events evict from cannot be set or removed",
    note = "a value set here may be older than the last event: use `get_or_fetch`, and publish an event to evict"
)]
pub trait Settable: Mode {}

/// A cache whose fetches end with their callers, because it does not refresh ahead of expiry.
pub trait OnDemand: Mode {}

impl Mode for Plain {
    type Evicting = Coherent;
    type Refreshing = Ahead<Self>;
}

impl Mode for Coherent {
    type Evicting = Self;
    type Refreshing = Ahead<Self>;
}

impl Mode for Ahead<Plain> {
    type Evicting = Ahead<Coherent>;
    type Refreshing = Self;
}

impl Mode for Ahead<Coherent> {
    type Evicting = Self;
    type Refreshing = Self;
}

impl Settable for Plain {}
impl Settable for Ahead<Plain> {}
impl OnDemand for Plain {}
impl OnDemand for Coherent {}

impl<M> fmt::Debug for Ahead<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ahead")
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Plain {}
    impl Sealed for super::Coherent {}
    impl<M> Sealed for super::Ahead<M> {}
}
