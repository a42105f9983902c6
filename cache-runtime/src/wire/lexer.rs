//! JSON, strictly: what `JSON.parse` accepts, except for lone surrogates, duplicate keys and more
//! than [`MAX_DEPTH`] levels.
//!
//! Functions that every payload needs are inlined into the scanners, which then keep the lexer in
//! registers. For the same reason the other functions take the lexer by value and return where they
//! end.
#![expect(
    clippy::inline_always,
    reason = "measured: without it decoding takes half as long again"
)]

use super::member::{Kind, Text, Value};
use super::seen::Seen;
use super::text::{equal, is_plain, special, special_soon};

/// How many objects and arrays may contain one another.
pub(super) const MAX_DEPTH: usize = 128;

/// What is wrong with a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Defect {
    Syntax { at: usize, expected: &'static str },
    Depth { at: usize },
    Duplicate { at: usize },
}

/// Whether a nested object may have a key twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    Unique,
    /// Any keys, so that defects of the syntax are found first, even behind a duplicate.
    Any,
}

/// Reads a text from its beginning to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    keys: Keys,
}

impl<'a> Lexer<'a> {
    #[inline(always)]
    pub(super) const fn new(text: &'a str, keys: Keys) -> Self {
        Self { text, at: 0, keys }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over this byte, or stays where it is.
    #[inline(always)]
    fn step(&mut self, byte: u8) -> bool {
        if self.peek() != Some(byte) {
            return false;
        }
        self.at += 1;
        true
    }

    #[inline(always)]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over exactly these bytes, or stays where it is.
    #[inline(always)]
    pub(super) fn literal(&mut self, literal: &str) -> bool {
        let end = self.at + literal.len();
        let found = self.text.as_bytes().get(self.at..end);
        if !found.is_some_and(|found| equal(found, literal.as_bytes())) {
            return false;
        }
        self.at = end;
        true
    }

    #[inline(always)]
    pub(super) fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Reads the only value of the text, with white space around it.
    pub(super) fn document(&mut self) -> Result<Value<'a>, Defect> {
        self.space();
        let value = self.value(1)?;
        self.end()?;
        Ok(value)
    }

    /// Reads white space up to the end.
    #[inline(always)]
    pub(super) fn end(&mut self) -> Result<(), Defect> {
        self.space();
        if self.at_end() {
            Ok(())
        } else {
            self.fail("the end")
        }
    }

    /// Reads a value. If it is an object or an array, `depth` is its level: 1 for the root.
    #[inline(always)]
    pub(super) fn value(&mut self, depth: usize) -> Result<Value<'a>, Defect> {
        let start = self.at;
        let kind = if !self.step(b'"') {
            let kind;
            (self.at, kind) = other_value(*self, depth)?;
            kind
        } else if self.end_of_string(special(self.text.as_bytes(), self.at))? {
            Kind::Escaped
        } else {
            Kind::Plain
        };
        let text = &self.text[start..self.at];
        Ok(Value { text, kind })
    }

    /// The rest of the text, if it is one string without escapes. That is quicker than looking for
    /// the end of the string.
    #[inline(always)]
    pub(super) fn last_string(&self) -> Option<Value<'a>> {
        let text = self.text.get(self.at..)?;
        let inner = text.as_bytes().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        is_plain(inner).then_some(Value {
            text,
            kind: Kind::Plain,
        })
    }

    /// Reads an object, and calls `member` for each key with the lexer at the value, which `member`
    /// must read. Its last argument is where the key stands.
    #[inline(always)]
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>, usize) -> Result<(), Defect>,
    ) -> Result<(), Defect> {
        self.expect(b'{', "an object")?;
        self.space();
        if self.step(b'}') {
            return Ok(());
        }
        loop {
            let at = self.at;
            let key = self.string("a key in double quotes")?;
            self.space();
            self.expect(b':', "`:`")?;
            self.space();
            member(self, key, at)?;
            self.space();
            if self.step(b'}') {
                return Ok(());
            }
            self.expect(b',', "`,` or `}`")?;
            self.space();
        }
    }

    /// Reads a short string: a key or a tag.
    #[inline(always)]
    pub(super) fn string(&mut self, expected: &'static str) -> Result<Text<'a>, Defect> {
        self.expect(b'"', expected)?;
        let start = self.at;
        let end = special_soon(self.text.as_bytes(), start);
        let escaped = self.end_of_string(end)?;
        let raw = &self.text.as_bytes()[start..self.at - 1];
        Ok(Text { raw, escaped })
    }

    /// Steps behind the closing quote; returns whether there are escapes. `end` is where the first
    /// special character is.
    #[inline(always)]
    fn end_of_string(&mut self, end: usize) -> Result<bool, Defect> {
        self.at = end;
        if self.step(b'"') {
            return Ok(false);
        }
        self.at = escaped_string(*self)?;
        Ok(true)
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Defect> {
        self.check_depth(depth)?;
        let mut seen = Seen::new();
        self.members(|lexer, key, at| {
            if lexer.keys == Keys::Unique && !seen.insert(key) {
                return Err(Defect::Duplicate { at });
            }
            lexer.value(depth + 1)?;
            Ok(())
        })?;
        Ok(Kind::Object)
    }

    fn array(&mut self, depth: usize) -> Result<Kind, Defect> {
        self.check_depth(depth)?;
        self.expect(b'[', "an array")?;
        self.space();
        if self.step(b']') {
            return Ok(Kind::Array);
        }
        loop {
            self.value(depth + 1)?;
            self.space();
            if self.step(b']') {
                return Ok(Kind::Array);
            }
            self.expect(b',', "`,` or `]`")?;
            self.space();
        }
    }

    fn number(&mut self) -> Result<Kind, Defect> {
        let mut kind = Kind::Integer;
        self.step(b'-');
        // Nothing may follow a leading zero.
        if !self.step(b'0') {
            self.digits()?;
        }
        if self.step(b'.') {
            self.digits()?;
            kind = Kind::Number;
        }
        if self.step(b'e') || self.step(b'E') {
            let _sign = self.step(b'+') || self.step(b'-');
            self.digits()?;
            kind = Kind::Number;
        }
        Ok(kind)
    }

    fn digits(&mut self) -> Result<(), Defect> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            self.fail("a digit")
        } else {
            Ok(())
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<(), Defect> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                return Ok(());
            }
            Some(b'u') => {}
            _ => return self.fail("an escape that JSON knows"),
        }
        let start = *self;
        match self.unit()? {
            0xdc00..0xe000 => start.fail("the first half of a surrogate pair"),
            0xd800..0xdc00 => {
                let second = *self;
                if self.step(b'\\') && matches!(self.unit(), Ok(0xdc00..0xe000)) {
                    Ok(())
                } else {
                    second.fail("the second half of a surrogate pair")
                }
            }
            _ => Ok(()),
        }
    }

    /// Reads `u` and four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, Defect> {
        self.expect(b'u', "`u`")?;
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.fail("a hexadecimal digit");
            };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Defect> {
        if self.step(byte) {
            Ok(())
        } else {
            self.fail(expected)
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), Defect> {
        if depth > MAX_DEPTH {
            Err(Defect::Depth { at: self.at })
        } else {
            Ok(())
        }
    }

    #[inline(always)]
    fn fail<T>(&self, expected: &'static str) -> Result<T, Defect> {
        Err(Defect::Syntax {
            at: self.at,
            expected,
        })
    }
}

/// Where a value other than a string ends, and its kind.
#[inline(never)]
fn other_value(mut lexer: Lexer<'_>, depth: usize) -> Result<(usize, Kind), Defect> {
    let kind = match lexer.peek() {
        Some(b'-' | b'0'..=b'9') => lexer.number()?,
        Some(b'{') => lexer.object(depth)?,
        Some(b'[') => lexer.array(depth)?,
        Some(b't') if lexer.literal("true") => Kind::True,
        Some(b'f') if lexer.literal("false") => Kind::False,
        Some(b'n') if lexer.literal("null") => Kind::Null,
        _ => return lexer.fail("a value"),
    };
    Ok((lexer.at, kind))
}

/// Where a string ends, from its first escape on.
#[inline(never)]
fn escaped_string(mut lexer: Lexer<'_>) -> Result<usize, Defect> {
    loop {
        match lexer.peek() {
            Some(b'"') => return Ok(lexer.at + 1),
            Some(b'\\') => {
                lexer.at += 1;
                lexer.escape()?;
            }
            Some(_) => return lexer.fail("no control character within a string"),
            None => return lexer.fail("a closing `\"`"),
        }
        lexer.at = special(lexer.text.as_bytes(), lexer.at);
    }
}
