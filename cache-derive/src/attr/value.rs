//! Reads the value of an entry as one type, or reports why it is not of that type.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Lit, Path};

use super::keys::list;
use super::{Entry, Name, Value};
use crate::case::{self, Case};
use crate::ctxt::Ctxt;
use crate::suggest::nearest;

impl<K> Entry<K> {
    /// The tokens after `=`.
    pub(super) fn tokens(&self, cx: &Ctxt) -> Option<&TokenStream> {
        let key = &self.key;
        let help = format!("write `{}`", self.known.example());
        match &self.value {
            Value::Is(tokens) => Some(tokens),
            Value::Absent | Value::Missing(_) => {
                cx.error(key, format_args!("`{key}` needs a value"), help);
                None
            }
            Value::List(list) => {
                let help = match only_literal(list.stream()) {
                    Some(literal) => format!("write `{key} = {literal}`"),
                    None => help,
                };
                cx.error(list, format_args!("`{key}` is not a list"), help);
                None
            }
        }
    }

    /// `key = ".."`, which must not be empty.
    pub(super) fn string(&self, cx: &Ctxt) -> Option<Name> {
        let tokens = self.tokens(cx)?;
        if let Ok(literal) = syn::parse2(tokens.clone()) {
            return self.literal(cx, &literal);
        }
        let key = &self.key;
        let help = match syn::parse2::<Ident>(tokens.clone()) {
            Ok(ident) => format!("write `{key} = \"{ident}\"`"),
            Err(_) => format!("write `{}`", self.known.example()),
        };
        let msg = format!("expected a string literal for `{key}`");
        cx.error(tokens, msg, help);
        None
    }

    /// The text of a string literal, which must not be empty.
    pub(super) fn literal(&self, cx: &Ctxt, literal: &Lit) -> Option<Name> {
        let key = &self.key;
        let Lit::Str(text) = literal else {
            let msg = format!("expected a string literal for `{key}`");
            let meant = match literal {
                Lit::Int(int) => int.base10_digits().to_owned(),
                Lit::Float(float) => float.base10_digits().to_owned(),
                Lit::Char(char) => char.value().to_string(),
                Lit::Byte(byte) => char::from(byte.value()).to_string(),
                Lit::ByteStr(bytes) => String::from_utf8_lossy(&bytes.value()).into_owned(),
                Lit::CStr(text) => text.value().to_string_lossy().into_owned(),
                Lit::Bool(bool) => bool.value.to_string(),
                _ => String::new(),
            };
            let help = if meant.is_empty() {
                format!("write `{}`", self.known.example())
            } else {
                format!("write `{key} = {meant:?}`")
            };
            cx.error(literal, msg, help);
            return None;
        };
        if !text.suffix().is_empty() {
            let help = format!("remove `{}`", text.suffix());
            cx.error(literal, "unexpected suffix on string literal", help);
            return None;
        }
        let value = text.value();
        if value.is_empty() {
            let example = self.known.example_value();
            let msg = format!("`{key}` must not be empty");
            cx.error(literal, msg, format_args!("name it, e.g. `{example}`"));
            return None;
        }
        Some(Name {
            text: value,
            at: literal.to_token_stream(),
        })
    }

    /// A key that takes no value. If it has one, that is reported, and the key counts as set.
    pub(super) fn flag(self, cx: &Ctxt) -> Ident {
        let key = self.key;
        let msg = format!("`{key}` takes no value");
        let help = format!("write `{key}`");
        match self.value {
            Value::Absent => {}
            Value::Missing(equals) => cx.error(equals, msg, help),
            Value::Is(tokens) => cx.error(tokens, msg, help),
            Value::List(list) => cx.error(list, msg, help),
        }
        key
    }

    /// `key = true` or `key = false`.
    pub(super) fn switch(&self, cx: &Ctxt) -> Option<bool> {
        let tokens = self.tokens(cx)?;
        if let Ok(Lit::Bool(bool)) = syn::parse2(tokens.clone()) {
            return Some(bool.value);
        }
        let key = &self.key;
        let msg = format!("expected `true` or `false` for `{key}`");
        cx.error(tokens, msg, format_args!("write `{key} = false`"));
        None
    }

    /// `key = ".."` with the name of a [`Case`].
    pub(super) fn case(&self, cx: &Ctxt) -> Option<Case> {
        self.one_of(cx, "rule", &case::RULES)
    }

    /// `key = ".."` with the name of one of `choices`. `what` is what they are, for the error.
    pub(super) fn one_of<T: Copy>(
        &self,
        cx: &Ctxt,
        what: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let tokens = self.tokens(cx)?;
        let names = || choices.iter().map(|choice| choice.0);
        let expected = format!("expected one of: {}", list(names()));
        let Ok(Lit::Str(_)) = syn::parse2(tokens.clone()) else {
            let key = &self.key;
            // Of a path, the last segment may be the name.
            let last = tokens.clone().into_iter().last();
            let last = last.map(|token| token.to_string()).unwrap_or_default();
            let help = match nearest(&last, names()) {
                Some(near) => format!("write `{key} = \"{near}\"`"),
                None => expected,
            };
            let msg = format!("expected a string literal for `{key}`");
            cx.error(tokens, msg, help);
            return None;
        };
        let typed = self.string(cx)?;
        let chosen = choices.iter().find(|choice| choice.0 == typed.text);
        if chosen.is_none() {
            let help = match nearest(&typed.text, names()) {
                Some(near) => format!("did you mean `{near}`? {expected}"),
                None => expected,
            };
            let msg = format!("unknown {what} `{}`", typed.text);
            cx.error(typed.at, msg, help);
        }
        chosen.map(|choice| choice.1)
    }

    /// `key = ".."` with the name of a method, whose identifier gets the span of the literal.
    pub(super) fn method(&self, cx: &Ctxt) -> Option<Ident> {
        let name = self.string(cx)?;
        let text = &name.text;
        if let Ok(mut ident) = syn::parse_str::<Ident>(text) {
            if let Some(token) = name.at.clone().into_iter().next() {
                ident.set_span(token.span());
            }
            return Some(ident);
        }
        let help = format!("write `{}`", self.known.example());
        let keyword = syn::parse_str::<Ident>(&format!("r#{text}")).is_ok()
            || matches!(text.as_str(), "self" | "Self" | "super" | "crate");
        if keyword {
            cx.error(name.at, format_args!("`{text}` is a keyword"), help);
        } else {
            cx.error(name.at, format_args!("`{text}` cannot name a method"), help);
        }
        None
    }

    /// `key = ::path`, the absolute path of the runtime.
    pub(super) fn path(&self, cx: &Ctxt) -> Option<Path> {
        let tokens = self.tokens(cx)?;
        let path = syn::parse2::<Path>(tokens.clone());
        if let Ok(path) = &path
            && absolute(path)
        {
            return Some(path.clone());
        }
        let meant = path.or_else(|error| match syn::parse2(tokens.clone()) {
            Ok(Lit::Str(text)) => text.parse(),
            _ => Err(error),
        });
        let help = match meant {
            Ok(path) if absolute(&path) => spelled(&path),
            Ok(path) if path.is_ident("self") || path.is_ident("super") => default_path(),
            Ok(path) => format!("::{}", spelled(&path)),
            Err(_) => default_path(),
        };
        let help = format!("write `crate = {help}`");
        cx.error(tokens, "expected an absolute path", help);
        None
    }
}

/// The literal, if `tokens` is one literal and nothing else.
fn only_literal(tokens: TokenStream) -> Option<String> {
    let literal: Lit = syn::parse2(tokens).ok()?;
    Some(literal.to_token_stream().to_string())
}

/// Whether the path begins with `::`, `crate` or `$crate`.
fn absolute(path: &Path) -> bool {
    let first = path.segments.first();
    path.leading_colon.is_some()
        || first.is_some_and(|segment| segment.ident == "crate" || segment.ident == "$crate")
}

fn default_path() -> String {
    "::cache_runtime".to_owned()
}

fn spelled(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}
