//! The slots of a cluster, and keys beside another key, in the same slot.
//!
//! A cluster hashes the part of a key that stands between the first `{` and the next `}`, unless
//! that is empty; otherwise it hashes the whole key.

use std::sync::LazyLock;

/// How many slots a cluster has.
pub(crate) const SLOTS: u16 = 16384;

/// For each slot, a number that has it. Made at once, because a search takes a millisecond.
static NUMBERS: LazyLock<Box<[u32]>> = LazyLock::new(|| {
    let mut numbers = vec![None; SLOTS.into()];
    let mut missing = numbers.len();
    for number in 0_u32.. {
        let place = &mut numbers[usize::from(slot(&number.to_string()))];
        if place.is_none() {
            *place = Some(number);
            missing -= 1;
        }
        if missing == 0 {
            break;
        }
    }
    numbers.into_iter().flatten().collect()
});

/// The name of another key in the slot of `key`: in braces what a cluster hashes of the key, or a number
/// of the same slot. Different keys have different names.
pub(crate) fn beside(key: &str) -> String {
    match hashed(key) {
        Some(tag) => format!("{{{tag}}}:{key}"),
        None if !key.contains('}') && !key.is_empty() => format!("{{{key}}}"),
        // It cannot stand between braces, so a number of the same slot does.
        None => format!("{{{}}}:{key}", number_in(slot(key))),
    }
}

/// A number that has a slot as a text.
pub(crate) fn number_in(slot: u16) -> u32 {
    NUMBERS[usize::from(slot % SLOTS)]
}

/// The slot of a key or a channel.
pub(crate) fn slot_of(key: &str) -> u16 {
    slot(hashed(key).unwrap_or(key))
}

/// The part of a key that a cluster hashes, where that is not the whole key.
fn hashed(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

/// The slot of a text that is hashed as a whole: its CRC-16 as in XMODEM.
fn slot(text: &str) -> u16 {
    let crc = text.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const KEYS: [&str; 14] = [
        "",
        "a",
        "p:models:a",
        "a}b",
        "a{b",
        "}{",
        "{}",
        "{}{a}",
        "{a}",
        "x{a}y",
        "{a",
        "{{a}}",
        "a}",
        "ü{",
    ];

    #[test]
    fn it_has_the_slot_of_the_key() {
        // The test value of this CRC.
        assert_eq!(slot("123456789"), 0x31c3);
        for key in KEYS {
            let beside = beside(key);
            assert_eq!(
                slot_of(&format!("prefix:{beside}")),
                slot_of(key),
                "{key:?}: {beside}"
            );
        }
    }

    #[test]
    fn no_two_keys_share_it() {
        let names: HashSet<_> = KEYS.iter().map(|key| beside(key)).collect();
        assert_eq!(names.len(), KEYS.len());
    }
}
