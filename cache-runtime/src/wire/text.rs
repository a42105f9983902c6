//! Searching text eight bytes at a time, and showing untrusted text in messages and logs.
#![expect(clippy::inline_always, reason = "measured, as in the lexer")]

use std::fmt::{self, Display, Write as _};

/// The most characters of a value that a message shows.
pub(super) const SHOWN: usize = 64;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where the first `"`, `\` or control character at or after `from` is; the length if there is
/// none.
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    let mut rest = bytes.get(from..).unwrap_or_default();
    while let Some((word, after)) = rest.split_first_chunk() {
        let hits = hits(u64::from_le_bytes(*word));
        if hits != 0 {
            return bytes.len() - rest.len() + first(hits);
        }
        rest = after;
    }
    let Some(last) = bytes.last_chunk().filter(|_| !rest.is_empty()) else {
        let found = rest
            .iter()
            .position(|&byte| byte < b' ' || byte == b'"' || byte == b'\\');
        return bytes.len() - rest.len() + found.unwrap_or(rest.len());
    };
    // The zeros that are shifted in count as control characters and end the search.
    let word = u64::from_le_bytes(*last) >> (8 * (8 - rest.len()));
    bytes.len() - rest.len() + first(hits(word))
}

/// Like [`special`], but quicker for strings of less than eight bytes and slower for others.
#[inline(always)]
pub(super) fn special_soon(bytes: &[u8], from: usize) -> usize {
    if let Some(rest) = bytes.get(from..)
        && let Some(word) = rest.first_chunk()
    {
        let hits = hits(u64::from_le_bytes(*word));
        if hits != 0 {
            return from + first(hits);
        }
    }
    special(bytes, from)
}

/// Whether nothing in a text needs an escape in JSON.
pub(super) fn is_plain(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else {
        return !text
            .iter()
            .any(|&byte| byte < b' ' || byte == b'"' || byte == b'\\');
    };
    // The last word may overlap the one before.
    let mut all = hits(u64::from_le_bytes(*last));
    for word in text.as_chunks().0 {
        all |= hits(u64::from_le_bytes(*word));
    }
    all == 0
}

/// The high bit of every byte that is `"`, `\` or a control character. Only the lowest bit that is
/// set is exact: a borrow may set bits of the bytes above it.
#[inline]
const fn hits(word: u64) -> u64 {
    let control = word.wrapping_sub(0x20 * ONES);
    let quote = (word ^ (0x22 * ONES)).wrapping_sub(ONES);
    let backslash = (word ^ (0x5c * ONES)).wrapping_sub(ONES);
    (control | quote | backslash) & !word & HIGHS
}

#[inline]
const fn first(hits: u64) -> usize {
    hits.trailing_zeros() as usize / 8
}

/// Whether two texts are equal, without a call where they are short. The ends are compared first,
/// because literals of one enum begin alike.
#[inline(always)]
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(x), Some(y)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        let middle = |text: &[u8]| text.get(8..16).and_then(<[u8]>::first_chunk::<8>).copied();
        return x == y
            && a.first_chunk::<8>() == b.first_chunk()
            && (a.len() <= 16 || middle(a) == middle(b) && (a.len() <= 24 || a == b));
    }
    if let (Some(x), Some(y)) = (a.last_chunk::<4>(), b.last_chunk::<4>()) {
        return x == y && a.first_chunk::<4>() == b.first_chunk();
    }
    a == b
}

/// Quotes text for a message. It is shortened, and every character that does not print is escaped,
/// bidirectional and zero-width ones included.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, cut) = shorten(self.0, SHOWN);
        write!(f, "{shown:?}{}", if cut { "…" } else { "" })
    }
}

/// Like [`Quoted`], for text that is JSON or prose already: quotes and backslashes stay as they
/// are.
pub(super) struct Plain<'a>(pub(super) &'a str);

/// Like [`Plain`], for text that is mostly the program's own: it may be four times as long.
pub(crate) struct Prose<'a>(pub(crate) &'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(f, self.0, SHOWN)
    }
}

impl Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(f, self.0, 4 * SHOWN)
    }
}

fn escape(f: &mut fmt::Formatter<'_>, text: &str, limit: usize) -> fmt::Result {
    let (shown, cut) = shorten(text, limit);
    for char in shown.chars() {
        match char {
            '"' | '\'' | '\\' => f.write_char(char)?,
            _ => write!(f, "{}", char.escape_debug())?,
        }
    }
    f.write_str(if cut { "…" } else { "" })
}

/// At most `limit` characters of `text`, and whether that leaves some out.
pub(super) fn shorten(text: &str, limit: usize) -> (&str, bool) {
    match text.char_indices().nth(limit) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

/// `"a", "b", "c"`.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for name in names {
        let comma = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{comma}{name:?}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_agrees_with_a_plain_search() {
        let mut bytes = [b'a'; 40];
        for at in 0..bytes.len() {
            for byte in 0..=u8::MAX {
                bytes[at] = byte;
                for after in [b'a', b'"', 0, 0x80, 0xff, b'!'] {
                    let old = std::mem::replace(&mut bytes[39], after);
                    for from in [0, 1, 7, at] {
                        let expected = (from..40)
                            .find(|&i| matches!(bytes[i], 0..0x20 | b'"' | b'\\'))
                            .unwrap_or(40);
                        assert_eq!(special(&bytes, from), expected, "{bytes:?} from {from}");
                        assert_eq!(
                            special_soon(&bytes, from),
                            expected,
                            "{bytes:?} from {from}"
                        );
                    }
                    bytes[39] = old;
                }
            }
            bytes[at] = b'a';
        }
    }

    #[test]
    fn what_does_not_print_is_escaped() {
        let nasty = "a\n\u{1b}\u{202e}\u{200b}\u{feff}\u{2028}\"\\ü😀";
        assert_eq!(
            Quoted(nasty).to_string(),
            r#""a\n\u{1b}\u{202e}\u{200b}\u{feff}\u{2028}\"\\ü😀""#
        );
        assert_eq!(
            Plain(nasty).to_string(),
            r#"a\n\u{1b}\u{202e}\u{200b}\u{feff}\u{2028}"\ü😀"#
        );
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "ü".repeat(SHOWN + 1);
        assert_eq!(
            Quoted(&long).to_string(),
            format!("\"{}\"…", "ü".repeat(SHOWN))
        );
        assert_eq!(Plain(&long[..2 * SHOWN]).to_string(), "ü".repeat(SHOWN));
    }
}
