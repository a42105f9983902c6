//! What the entries of a cache in memory are looked up by.

use std::hash::Hash;

use equivalent::Equivalent;

/// What an entry is looked up by: a key, or what a key borrows as, such as `str` for a `String`.
///
/// It is implemented for everything that is `Hash` and [`Equivalent`]. Implement [`Equivalent`] to
/// look up a key by something else, such as a pair of borrowed parts.
#[diagnostic::on_unimplemented(
    message = "a key of type `{K}` cannot be looked up by a `{Self}`",
    label = "expected a reference to a `{K}`, or to what it borrows as",
    note = "a `String` borrows as `str`, a `Vec<T>` as `[T]`; a tuple borrows as nothing else"
)]
pub trait LookupKey<K>: Hash + Equivalent<K> {}

#[diagnostic::do_not_recommend]
impl<K, Q: Hash + Equivalent<K> + ?Sized> LookupKey<K> for Q {}

/// What a value is loaded for: as [`LookupKey`], and a key can be made of it.
#[diagnostic::on_unimplemented(
    message = "a key of type `{K}` cannot be looked up by a `{Self}`",
    label = "expected a reference to a `{K}`, or to what it borrows as",
    note = "a `String` borrows as `str`, a `Vec<T>` as `[T]`; a tuple borrows as nothing else"
)]
pub trait LoadKey<K>: LookupKey<K> + ToOwned<Owned = K> {}

#[diagnostic::do_not_recommend]
impl<K, Q: LookupKey<K> + ToOwned<Owned = K> + ?Sized> LoadKey<K> for Q {}
