//! The wire contract of events for other languages: TypeScript, Zod, JSON Schema, and golden
//! payloads.
//!
//! A service in another language that publishes or reads events needs their types, and has to
//! reject what this library rejects. These functions write both from the events in Rust.
//!
//! ```standalone_crate
//! use cache_runtime::{InvalidationEvent, cache_invalidation, export};
//!
//! /// A user was changed.
//! #[derive(InvalidationEvent)]
//! enum UserEvent {
//!     User { discord_id: String },
//!     All,
//! }
//!
//! #[cache_invalidation(channel = "cache:exported-users", event = UserEvent)]
//! struct Users;
//!
//! # fn main() -> Result<(), export::ExportError> {
//! let contracts = export::declared()?; // or `Contract::of::<UserEvent>()` for one event type
//! # let contracts = [export::Contract::of::<UserEvent>()?];
//! let module = export::typescript(&contracts);
//! assert!(module.contains("export function decodeUserEvent("));
//! # Ok(())
//! # }
//! ```
//!
//! [`assert_current`] compares a checked-in file with what would be exported, for a test.
//!
//! # Who sees what
//!
//! `decode…` of [`typescript`] takes the text of a payload, and gives exactly the verdicts of the
//! decoder in Rust. What takes the value that `JSON.parse` returned (`check…` of the same module,
//! [`zod`] and [`json_schema`]) cannot see
//!
//! - duplicate keys: `JSON.parse` keeps the last;
//! - how a number was spelled: `1.0` and `1e2` are integers then;
//! - integers beyond 2^53: they are rounded, so the ends of wide ranges are not exact, and
//!   [`zod`] rejects all of these (`#[invalidation(as_string)]` avoids them);
//! - halves of surrogate pairs in escapes, which `JSON.parse` accepts;
//! - the length of the payload, bytes that are not UTF-8, a byte order mark, and, for Zod and JSON
//!   Schema, nesting of more than 128 levels;
//! - for Zod and JSON Schema, `-0` where an integer is expected; and numbers that are too large
//!   (`1e999`) in values of any type;
//! - for JSON Schema, the range of an integer that is a string;
//! - for Zod, a key of a nested object that is called `__proto__`.
//!
//! # Which types
//!
//! Everything that serde's derive writes, except for internally tagged, untagged and recursive
//! types, aliases and flattened fields; and strings, numbers, lists, tuples, options, maps with
//! strings as keys, and `serde_json::Value`. Others are an [`ExportError`] that names the field.
//! Every contract is compared with the decoder before it is exported.

mod contract;
mod error;
mod explore;
mod file;
mod fingerprint;
mod golden_file;
mod json;
mod json_schema;
mod layout;
mod names;
mod payloads;
mod samples;
mod shape;
mod typescript;
mod zod;

pub use contract::Contract;
pub use error::ExportError;
pub use file::assert_current;
pub use golden_file::golden;
#[cfg(feature = "doctor")]
pub(crate) use json::hex;
pub use json_schema::json_schema;
pub use typescript::typescript;
pub use zod::zod;

use std::collections::HashSet;

use crate::channel::channels;
use names::type_name;

/// The contracts of all channels that the program declares with `#[cache_invalidation]`, ordered by
/// the names of their events. An event type of several channels has one contract.
///
/// # Errors
///
/// As [`Contract::of`], and when two event types have one name.
///
/// # Examples
///
/// ```standalone_crate
/// use cache_runtime::{InvalidationEvent, cache_invalidation, export};
///
/// #[derive(InvalidationEvent)]
/// enum UserEvent {
///     User { user_id: u64 },
///     All,
/// }
///
/// #[cache_invalidation(channel = "cache:user-invalidation", event = UserEvent)]
/// struct UserInvalidation;
///
/// # fn main() -> Result<(), export::ExportError> {
/// let contracts = export::declared()?;
/// assert_eq!(contracts[0].name(), "UserEvent");
/// assert!(export::typescript(&contracts).contains("Channel: cache:user-invalidation"));
/// # Ok(())
/// # }
/// ```
pub fn declared() -> Result<Vec<Contract>, ExportError> {
    let mut found: Vec<(std::any::TypeId, Contract)> = Vec::new();
    for declared in channels() {
        let event = declared.event();
        if let Some((_, contract)) = found.iter_mut().find(|(known, _)| *known == event) {
            if !contract.channels.contains(&declared.channel()) {
                contract.channels.push(declared.channel());
            }
            continue;
        }
        let channel = vec![declared.channel()];
        let contract = Contract::new(declared.schema(), channel, declared.decode())?;
        found.push((event, contract));
    }
    let mut contracts: Vec<_> = found.into_iter().map(|(_, contract)| contract).collect();
    contracts.sort_by_key(Contract::name);
    let mut names = HashSet::new();
    match contracts.iter().find(|&one| !names.insert(type_name(one))) {
        Some(again) => Err(ExportError::same_name(again.name())),
        None => Ok(contracts),
    }
}
