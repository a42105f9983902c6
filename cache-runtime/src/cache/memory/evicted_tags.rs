//! The tags that were evicted while loads were on their way.
//!
//! What tags a load's value carries is known only when it is loaded. So an eviction by a tag leaves
//! the load where it is, for those who wait for it already. Callers that come later begin a load of
//! their own, and when the value is there, it is not stored if it carries the tag.

use super::tags::Tag;
use crate::remedy::Remedy;

/// The most tags that are kept. Beyond it, no load on its way is stored.
const MOST: usize = 64;

/// The tags that were evicted from a shard while it had loads.
#[derive(Default)]
pub(super) struct EvictedTags {
    /// Each with the id of the load that was next. Loads with a smaller id began before.
    tags: Vec<(Tag, u64)>,
    /// The id of the load that was next when a tag was evicted last.
    fresh_from: u64,
}

/// There are too many tags to keep.
pub(super) struct TooMany;

impl EvictedTags {
    /// No load is on its way.
    pub(super) fn forget(&mut self) {
        self.tags = Vec::new();
    }

    /// A tag is evicted before the load with the id `next` begins.
    ///
    /// # Errors
    ///
    /// When there are too many. They are forgotten, and the caller has to overtake all loads.
    pub(super) fn add(&mut self, tag: Tag, next: u64) -> Result<(), TooMany> {
        self.fresh_from = next;
        if let Some((_, before)) = self.tags.iter_mut().find(|(same, _)| *same == tag) {
            *before = next;
        } else if self.tags.len() < MOST {
            self.tags.push((tag, next));
        } else {
            self.forget();
            return Err(TooMany);
        }
        Ok(())
    }

    /// The id of the first load that has begun after the last eviction.
    pub(super) fn fresh_from(&self) -> u64 {
        if Remedy::LoadToken.applies() {
            self.fresh_from
        } else {
            0
        }
    }

    /// Whether a load must not be stored if its value carries these tags.
    pub(super) fn bar(&self, load: u64, tags: &[Tag]) -> bool {
        let bars = |(tag, next): &(Tag, u64)| load < *next && tags.contains(tag);
        self.tags.iter().any(bars) && Remedy::LoadToken.applies()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn tag(number: usize) -> Tag {
        Tag::new(&number).expect("it is displayed")
    }

    #[test]
    fn loads_that_began_before_are_barred_by_the_tags_that_they_carry() {
        let mut evicted = EvictedTags::default();
        assert_eq!(evicted.fresh_from(), 0);
        assert!(evicted.add(tag(1), 5).is_ok());
        assert!(evicted.add(tag(2), 8).is_ok());
        assert!(evicted.bar(4, &[tag(3), tag(1)]));
        assert!(!evicted.bar(5, &[tag(1)]));
        assert!(evicted.bar(5, &[tag(1), tag(2)]));
        assert!(!evicted.bar(4, &[tag(3)]));
        assert_eq!(evicted.fresh_from(), 8);
        assert!(evicted.add(tag(1), 9).is_ok());
        assert!(evicted.bar(8, &[tag(1)]));
        evicted.forget();
        assert!(!evicted.bar(4, &[tag(1)]));
    }

    #[test]
    fn are_bounded() {
        let mut evicted = EvictedTags::default();
        assert!((0..MOST).all(|number| evicted.add(tag(number), 1).is_ok()));
        assert!(evicted.add(tag(0), 2).is_ok(), "it is kept already");
        assert!(evicted.add(tag(MOST), 3).is_err());
        assert!(evicted.tags.is_empty());
        assert_eq!(evicted.fresh_from(), 3);
    }
}
