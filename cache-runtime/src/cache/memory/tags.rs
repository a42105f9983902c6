//! The tags of entries: what they are evicted by beside their keys.
//!
//! A tag is the text that it is displayed as, whatever its type, and is known by the hash of that
//! text. Tags of the same hash are one tag: an eviction by either evicts the entries of both.

use std::fmt::{self, Display, Write};
use std::hash::Hasher;

use super::keys::hasher;

/// The hash of a tag's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(u64);

/// Adds the tags of an entry. It fails if one of them cannot be displayed.
pub(super) type AddTags<K, V> = Box<dyn Fn(&K, &V, &mut Vec<Tag>) -> fmt::Result + Send + Sync>;

impl Tag {
    /// The tag, without an allocation.
    ///
    /// # Errors
    ///
    /// When it cannot be displayed.
    pub(crate) fn new<T: Display + ?Sized>(tag: &T) -> Result<Self, fmt::Error> {
        let mut text = Text {
            hasher: hasher(),
            block: [0; BLOCK],
            filled: 0,
        };
        write!(text, "{tag}")?;
        text.hasher.write(&text.block[..text.filled]);
        Ok(Self(text.hasher.finish()))
    }
}

const BLOCK: usize = 64;

/// Hashes what is written in blocks of one length, because the pieces in which the same text is
/// written may differ, and the hash must not.
struct Text<H> {
    hasher: H,
    block: [u8; BLOCK],
    filled: usize,
}

impl<H: Hasher> Write for Text<H> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let mut rest = piece.as_bytes();
        while !rest.is_empty() {
            let room = &mut self.block[self.filled..];
            let (now, later) = rest.split_at(rest.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            rest = later;
            if self.filled == BLOCK {
                self.hasher.write(&self.block);
                self.filled = 0;
            }
        }
        Ok(())
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    /// Writes a text in pieces of this many characters.
    struct Pieces<'a>(&'a str, usize);

    impl Display for Pieces<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for piece in self.0.as_bytes().chunks(self.1) {
                f.write_str(std::str::from_utf8(piece).expect("ASCII"))?;
            }
            Ok(())
        }
    }

    #[test]
    fn are_compared_by_their_text() {
        assert_eq!(Tag::new(&7_u32), Tag::new(&7_u64));
        assert_eq!(Tag::new(&7_u32), Tag::new("7"));
        assert_ne!(Tag::new("7"), Tag::new("07"));
        assert_ne!(Tag::new(""), Tag::new("\0"));
        assert_ne!(Tag::new("guild:7"), Tag::new("user:7"));
    }

    #[test]
    fn are_the_same_in_whatever_pieces_they_are_written() {
        for length in [1, 63, 64, 65, 127, 128, 129, 200] {
            let text: String = ('a'..='z').cycle().take(length).collect();
            for pieces in [1, 2, 63, 64, 65, 100] {
                assert_eq!(
                    Tag::new(&Pieces(&text, pieces)),
                    Tag::new(&text),
                    "{length}"
                );
            }
            let longer = format!("{text}x");
            assert_ne!(Tag::new(&longer), Tag::new(&text), "{length}");
        }
    }

    #[test]
    fn what_cannot_be_displayed_is_none() {
        struct Broken;
        impl Display for Broken {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        assert_eq!(Tag::new(&Broken), Err(fmt::Error));
    }
}
