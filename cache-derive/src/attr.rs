//! Parses attributes into typed values, which keep their tokens for the spans of errors.

pub(crate) mod event;
mod keys;
pub(crate) mod service;
mod value;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, TokenStream, TokenTree};
use syn::{Attribute, MacroDelimiter, Meta};

use self::keys::{Known, Place};
use crate::ctxt::Ctxt;

/// A name that a literal or an identifier gives, and the tokens that errors point at.
#[derive(Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) at: TokenStream,
}

/// One key of an attribute, and its value.
struct Entry<K: 'static> {
    key: Ident,
    known: &'static Known<K>,
    value: Value,
}

enum Value {
    /// `key`
    Absent,
    /// The `=` of `key =` with nothing after it
    Missing(Punct),
    /// `key = …`
    Is(TokenStream),
    /// `key(…)`
    List(Group),
}

/// The entries of every `#[invalidation(..)]` in `attrs`. Each known key occurs at most once.
fn entries<K>(cx: &Ctxt, attrs: &[Attribute], place: &Place<'_, K>) -> Vec<Entry<K>> {
    let mut entries = Vec::new();
    for attr in attrs {
        if !attr.path().is_ident("invalidation") {
            continue;
        }
        match &attr.meta {
            Meta::List(list) if matches!(list.delimiter, MacroDelimiter::Paren(_)) => {
                if list.tokens.is_empty() {
                    sets_nothing(cx, attr);
                } else {
                    parse(cx, list.tokens.clone(), place, &mut entries);
                }
            }
            Meta::Path(_) => sets_nothing(cx, attr),
            Meta::List(_) | Meta::NameValue(_) => {
                cx.error(attr, "expected parentheses", "write `#[invalidation(..)]`");
            }
        }
    }
    entries
}

fn sets_nothing(cx: &Ctxt, attr: &Attribute) {
    let help = "remove it or add keys";
    cx.error(attr.path(), "this attribute sets nothing", help);
}

/// Appends comma-separated entries to `entries`. An entry that is malformed, unknown or repeated is
/// reported and skipped.
fn parse<K>(cx: &Ctxt, tokens: TokenStream, place: &Place<'_, K>, entries: &mut Vec<Entry<K>>) {
    for (tokens, comma) in split(tokens) {
        if tokens.is_empty() {
            cx.error(comma, "expected a key before this comma", "remove it");
            continue;
        }
        let Some(entry) = entry(cx, tokens, place) else {
            continue;
        };
        if let Some(first) = entries.iter().find(|other| other.key == entry.key) {
            let key = &entry.key;
            cx.error(key, format_args!("`{key}` is set twice"), "keep one");
            cx.note(&first.key, format_args!("`{key}` is first set here"));
            continue;
        }
        entries.push(entry);
    }
}

/// Splits at commas, and returns each part with the comma after it. A comma within `<…>` belongs to
/// a type, and does not split.
fn split(tokens: TokenStream) -> Vec<(Vec<TokenTree>, Option<Punct>)> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut depth = 0_u32;
    // Whether a `>` would end `->` or `=>`, and so close no `<`.
    let mut arrow = false;
    for token in tokens {
        let char = match &token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        match (char, token) {
            (',', TokenTree::Punct(comma)) if depth == 0 => {
                parts.push((std::mem::take(&mut part), Some(comma)));
            }
            (_, token) => {
                match char {
                    '<' => depth += 1,
                    '>' if !arrow => depth = depth.saturating_sub(1),
                    _ => {}
                }
                part.push(token);
            }
        }
        arrow = matches!(char, '-' | '=');
    }
    if !part.is_empty() {
        parts.push((part, None));
    }
    parts
}

/// Reads one entry: `key`, `key = …` or `key(…)`.
fn entry<K>(cx: &Ctxt, tokens: Vec<TokenTree>, place: &Place<'_, K>) -> Option<Entry<K>> {
    let mut rest = tokens.into_iter();
    let key = match rest.next()? {
        TokenTree::Ident(key) => key,
        TokenTree::Literal(literal) => {
            keyless(cx, &literal, place);
            return None;
        }
        other => {
            let keys = place.list();
            cx.error(
                other,
                "expected a key",
                format_args!("the keys are: {keys}"),
            );
            return None;
        }
    };
    let value = match (rest.next(), rest.len()) {
        (None, _) => Value::Absent,
        (Some(TokenTree::Punct(punct)), _) if punct.as_char() == '=' => {
            let tokens: TokenStream = rest.collect();
            if tokens.is_empty() {
                Value::Missing(punct)
            } else {
                Value::Is(tokens)
            }
        }
        (Some(TokenTree::Group(group)), 0) if group.delimiter() == Delimiter::Parenthesis => {
            Value::List(group)
        }
        (Some(token), _) => {
            let known = place.find(cx, &key)?;
            let help = format!("write `{}`", known.example());
            let at: TokenStream = std::iter::once(token).chain(rest).collect();
            cx.error(at, format_args!("unexpected tokens after `{key}`"), help);
            return None;
        }
    };
    let known = place.find(cx, &key)?;
    Some(Entry { key, known, value })
}

/// Reports a literal that stands where a key must.
fn keyless<K>(cx: &Ctxt, literal: &Literal, place: &Place<'_, K>) {
    let written = literal.to_string();
    if written.starts_with(['"', 'r']) {
        let help = format!("write `{} = {written}`", place.first_key());
        cx.error(literal, "expected a key before this string", help);
    } else {
        let keys = place.list();
        let help = format!("the keys are: {keys}");
        cx.error(literal, "expected a key before this value", help);
    }
}
