//! What event types are called in other languages.

use super::contract::Contract;

/// The name of a type. All end with `Event`, as nothing does that the modules or the languages bring
/// along: `Map`, `class`.
pub(super) fn type_name(contract: &Contract) -> String {
    let name = contract.name();
    if name.ends_with("Event") && name != "Event" {
        name.to_owned()
    } else {
        format!("{name}Event")
    }
}

/// The same with a small letter, for values.
pub(super) fn value_name(contract: &Contract) -> String {
    let name = type_name(contract);
    let first = name.chars().take(1).flat_map(char::to_lowercase);
    first.chain(name.chars().skip(1)).collect()
}
