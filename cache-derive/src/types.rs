//! What the spelling of a type shows. A macro sees names and cannot resolve them.

use proc_macro2::{Group, Ident, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, Type};

/// Why a field of an event cannot have a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// It is a reference, or has a lifetime argument.
    Borrows,
    /// Its values cannot be sent: a pointer, a function, `dyn Trait`, a slice and the like.
    NotData,
    /// It is an `Option`.
    Optional,
}

/// The first defect of `ty`, with the part of `ty` that has it.
pub(crate) fn defect(ty: &Type) -> Option<(Defect, &Type)> {
    if is_option(ty) {
        return Some((Defect::Optional, ty));
    }
    nested_defect(ty)
}

/// As [`defect`], but accepts an `Option`: within another type, it does not change the keys.
fn nested_defect(ty: &Type) -> Option<(Defect, &Type)> {
    match ty {
        Type::Group(group) => nested_defect(&group.elem),
        Type::Paren(paren) => nested_defect(&paren.elem),
        Type::Array(array) => nested_defect(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(nested_defect),
        Type::Reference(_) => Some((Defect::Borrows, ty)),
        Type::FnPtr(_)
        | Type::Ptr(_)
        | Type::TraitObject(_)
        | Type::ImplTrait(_)
        | Type::Never(_)
        | Type::Infer(_)
        | Type::Slice(_) => Some((Defect::NotData, ty)),
        Type::Path(path) => arguments(&path.path).find_map(|argument| match argument {
            GenericArgument::Lifetime(_) => Some((Defect::Borrows, ty)),
            // As in `Box<[u8]>`. If the type around it cannot hold a slice, rustc says so.
            GenericArgument::Type(inner) => nested_defect(behind(inner)),
            _ => None,
        }),
        _ => None,
    }
}

/// The arguments in the angle brackets of every segment.
fn arguments(path: &Path) -> impl Iterator<Item = &GenericArgument> {
    let segments = path.segments.iter();
    segments.flat_map(|segment| match &segment.arguments {
        PathArguments::AngleBracketed(brackets) => Some(&brackets.args).into_iter().flatten(),
        _ => None.into_iter().flatten(),
    })
}

/// The owning type to suggest for a reference or a `Cow`. Absent for other types that borrow, of
/// which the spelling does not show what would own their data.
pub(crate) fn owned(ty: &Type) -> Option<String> {
    let borrowed = match ty {
        Type::Reference(reference) => &*reference.elem,
        ty => cow(ty)?,
    };
    let own = |ty| match defect(ty) {
        None => Some(spelled(ty)),
        Some(_) => owned(ty),
    };
    if let Type::Slice(slice) = borrowed {
        return Some(format!("Vec<{}>", own(&slice.elem)?));
    }
    let last = plain(borrowed).and_then(|path| path.segments.last());
    match last.map(|last| last.ident.to_string()).as_deref() {
        Some("str") => Some("String".to_owned()),
        // What owns their data has another name, too.
        Some("Path" | "OsStr" | "CStr") => None,
        _ => own(borrowed),
    }
}

/// The type `T`, if `ty` is spelled like the standard library's `Cow<'_, T>`.
fn cow(ty: &Type) -> Option<&Type> {
    let path = plain(ty)?;
    let mut arguments = arguments(path);
    match (arguments.next(), arguments.next()) {
        (Some(GenericArgument::Lifetime(_)), Some(GenericArgument::Type(borrowed))) => {
            let cow = ["Cow", "std::borrow::Cow", "alloc::borrow::Cow"];
            cow.contains(&&*name(path)).then_some(borrowed)
        }
        _ => None,
    }
}

/// Whether `ty` is spelled like the standard library's `Option`.
fn is_option(ty: &Type) -> bool {
    let option = ["Option", "std::option::Option", "core::option::Option"];
    plain(ty).is_some_and(|path| option.contains(&&*name(path)))
}

/// Whether `ty` is spelled like the standard library's `String`.
pub(crate) fn is_string(ty: &Type) -> bool {
    let string = ["String", "std::string::String", "alloc::string::String"];
    plain(ty).is_some_and(|path| string.contains(&&*name(path)) && arguments(path).next().is_none())
}

/// Whether `ty` is spelled like a bool, a character or a number, which cannot be empty.
pub(crate) fn is_scalar(ty: &Type) -> bool {
    const OTHERS: [&str; 4] = ["bool", "char", "f32", "f64"];
    is_integer(ty) || plain(ty).is_some_and(|path| OTHERS.iter().any(|name| path.is_ident(name)))
}

/// Whether `ty` is spelled like an integer.
pub(crate) fn is_integer(ty: &Type) -> bool {
    const NAMES: [&str; 12] = [
        "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
    ];
    plain(ty).is_some_and(|path| NAMES.iter().any(|name| path.is_ident(name)))
}

/// The type `T`, if `ty` is spelled `Vec<T>`.
pub(crate) fn item(ty: &Type) -> Option<&Type> {
    let list = plain(ty).filter(|path| path.segments.len() == 1);
    let list = list.filter(|path| path.segments.iter().all(|segment| segment.ident == "Vec"));
    match list.map(arguments)?.next() {
        Some(GenericArgument::Type(item)) => Some(item),
        _ => None,
    }
}

/// Whether `ty` is spelled like a type that serde is sure to write and read: a scalar, a `String`,
/// or a `Vec` of these.
pub(crate) fn is_known(ty: &Type) -> bool {
    match item(ty) {
        Some(item) => is_known(item),
        None => is_scalar(ty) || is_string(ty),
    }
}

/// The type `Event`, if `ty` is spelled `Invalidator<Event>`.
pub(crate) fn invalidator(ty: &Type) -> Option<&Type> {
    let path = plain(ty)?;
    let last = path.segments.last()?;
    let mut arguments = arguments(path);
    match (arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(event)), None) if last.ident == "Invalidator" => Some(event),
        _ => None,
    }
}

/// The path of `ty`, without the groups and parentheses around it.
pub(crate) fn plain(ty: &Type) -> Option<&Path> {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        Type::Path(path) if path.qself.is_none() => Some(&path.path),
        _ => None,
    }
}

/// The path without its arguments: `std::string::String`.
fn name(path: &Path) -> String {
    let names = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string());
    names.collect::<Vec<_>>().join("::")
}

/// Replaces `Self` by `this`, because the tokens move to an `impl` of another type.
pub(crate) fn without_self(tokens: TokenStream, this: &Ident) -> TokenStream {
    let replace = |token| match token {
        TokenTree::Ident(ident) if ident == "Self" => TokenTree::Ident(this.clone()),
        TokenTree::Group(group) => {
            let inner = without_self(group.stream(), this);
            let mut replaced = Group::new(group.delimiter(), inner);
            replaced.set_span(group.span());
            TokenTree::Group(replaced)
        }
        token => token,
    };
    tokens.into_iter().map(replace).collect()
}

/// Whether an enum with a field of this type is `Sized`, `Send` and `Sync`, as far as the spelling
/// shows. Every part of the type must be.
pub(crate) fn is_sized_send_sync(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_sized_send_sync(&group.elem),
        Type::Paren(paren) => is_sized_send_sync(&paren.elem),
        Type::Array(array) => is_sized_send_sync(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_sized_send_sync),
        Type::Reference(reference) => is_sized_send_sync(behind(&reference.elem)),
        Type::Path(path) => arguments(&path.path).all(|argument| match argument {
            GenericArgument::Type(inner) => is_sized_send_sync(behind(inner)),
            _ => true,
        }),
        Type::Ptr(_)
        | Type::TraitObject(_)
        | Type::ImplTrait(_)
        | Type::Never(_)
        | Type::Infer(_)
        | Type::Slice(_) => false,
        _ => true,
    }
}

/// The elements of a slice, or else the type itself. A slice is not sized, but a reference or a `Box`
/// that holds it is.
fn behind(ty: &Type) -> &Type {
    match ty {
        Type::Slice(slice) => &slice.elem,
        ty => ty,
    }
}

/// The tokens as text with the usual spacing: `Vec<Entry>`.
pub(crate) fn spelled(tokens: &impl ToTokens) -> String {
    let mut out = String::new();
    write(tokens.to_token_stream(), &mut out);
    out
}

fn write(tokens: TokenStream, out: &mut String) {
    for token in tokens {
        let word = |out: &String| out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        match token {
            TokenTree::Group(group) => {
                let text = TokenTree::Group(Group::new(group.delimiter(), TokenStream::new()));
                let text = text.to_string();
                let (open, close) = text.trim().split_at(text.trim().len() / 2);
                out.push_str(open.trim());
                write(group.stream(), out);
                out.push_str(close.trim());
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                ',' | ';' => {
                    out.push(punct.as_char());
                    out.push(' ');
                }
                '+' | '=' => {
                    out.push(' ');
                    out.push(punct.as_char());
                    out.push(' ');
                }
                '-' if punct.spacing() == Spacing::Joint => out.push_str(" -"),
                '>' if out.ends_with(" -") => out.push_str("> "),
                '\'' => {
                    if word(out) {
                        out.push(' ');
                    }
                    out.push('\'');
                }
                char => out.push(char),
            },
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                if word(out) || out.ends_with('>') {
                    out.push(' ');
                }
                out.push_str(&token.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Type {
        syn::parse_str(text).unwrap()
    }

    #[test]
    fn types_are_spelled_as_written() {
        for text in [
            "String",
            "Vec<my::Entry>",
            "HashMap<String, (u8, bool)>",
            "[u8; 4]",
            "&'static str",
            "Cow<'a, [u8]>",
            "::std::string::String",
            "*const u8",
            "Box<dyn Fn(u8) + Send>",
            "fn() -> u8",
            "Box<dyn Fn(u8) -> Vec<u8> + Send>",
            "for<'a> fn(&'a u8) -> &'a u8",
            "[u8; -1]",
        ] {
            assert_eq!(spelled(&parse(text)), text);
        }
    }

    #[test]
    fn defects_are_found_inside() {
        let found = |text: &str| defect(&parse(text)).map(|(defect, at)| (defect, spelled(at)));
        for text in [
            "String",
            "Vec<Option<u8>>",
            "my::Option<u8>",
            "[u8; 4]",
            "(u8, String)",
            "Box<[u8]>",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
        for (text, defect, at) in [
            (
                "::core::option::Option<u8>",
                Defect::Optional,
                "::core::option::Option<u8>",
            ),
            ("Vec<&str>", Defect::Borrows, "&str"),
            ("Cow<'static, str>", Defect::Borrows, "Cow<'static, str>"),
            ("Box<dyn Send>", Defect::NotData, "dyn Send"),
            ("(u8, fn())", Defect::NotData, "fn()"),
            ("[u8]", Defect::NotData, "[u8]"),
            ("Box<[*const u8]>", Defect::NotData, "*const u8"),
        ] {
            assert_eq!(found(text), Some((defect, at.to_owned())), "{text}");
        }
    }

    #[test]
    fn every_part_of_a_type_must_be_send() {
        for text in [
            "String",
            "&'static str",
            "&'static [u8]",
            "Cow<'static, [u8]>",
            "(&'static u8, fn(*const u8))",
        ] {
            assert!(is_sized_send_sync(&parse(text)), "{text}");
        }
        for text in [
            "*const u8",
            "[u8]",
            "(&'static u8, *const u8)",
            "&'static *const u8",
            "&'static [*const u8]",
            "Cow<'static, dyn Draw>",
            "Vec<(&'static str, Box<dyn Draw>)>",
        ] {
            assert!(!is_sized_send_sync(&parse(text)), "{text}");
        }
    }

    #[test]
    fn an_owning_type_is_suggested_where_it_is_known() {
        for (text, own) in [
            ("&'static str", "String"),
            ("&'static [u8]", "Vec<u8>"),
            ("&'static [&'static str]", "Vec<String>"),
            ("&'static u64", "u64"),
            ("&'static &'static str", "String"),
            ("Cow<'static, str>", "String"),
            ("std::borrow::Cow<'static, str>", "String"),
            ("Cow<'static, [u8]>", "Vec<u8>"),
        ] {
            assert_eq!(owned(&parse(text)).as_deref(), Some(own), "{text}");
        }
        for text in [
            "Id<'static>",
            "my::Cow<'static, str>",
            "&'static Id<'static>",
            "&'static dyn Draw",
            "&'static Path",
            "&'static [*const u8]",
            "&'static Option<u8>",
            "Cow<'static, CStr>",
        ] {
            assert_eq!(owned(&parse(text)), None, "{text}");
        }
    }
}
