//! The keys of one object, to find duplicates.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::member::Text;

const FEW: usize = 8;

/// Keys that were seen: the first few in an array, the others in a set.
pub(super) struct Seen<'a> {
    few: [Option<Text<'a>>; FEW],
    many: BTreeSet<Cow<'a, [u8]>>,
}

impl<'a> Seen<'a> {
    pub(super) fn new() -> Self {
        Self {
            few: [None; FEW],
            many: BTreeSet::new(),
        }
    }

    /// Adds a key; returns whether it is new.
    pub(super) fn insert(&mut self, key: Text<'a>) -> bool {
        for place in &mut self.few {
            match place {
                Some(seen) if seen.same(&key) => return false,
                Some(_) => {}
                None => {
                    *place = Some(key);
                    return true;
                }
            }
        }
        self.many.insert(if key.escaped {
            Cow::Owned(key.to_string().into_bytes())
        } else {
            Cow::Borrowed(key.raw)
        })
    }
}
