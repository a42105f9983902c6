//! The rules for event enums.

use quote::ToTokens;
use syn::Fields;
use syn::ext::IdentExt;

use crate::ast::{Event, Variant};
use crate::ctxt::Ctxt;
use crate::types::{self, Defect};

/// The methods that every service has. Each would hide a method of the event with the same name,
/// because a method of the event is found last, after two dereferences.
///
/// Five are methods of traits in the prelude, which every type or every `Clone` type implements:
/// `clone_from`, `clone_into`, `into`, `to_owned` and `try_into`.
const TAKEN: &[&str] = &[
    "begin_change",
    "channel",
    "clone",
    "clone_from",
    "clone_into",
    "deref",
    "events",
    "health",
    "into",
    "invalidator",
    "publish",
    "publish_all",
    "ready",
    "schema",
    "stats",
    "subscribe",
    "subscribe_inline",
    "to_owned",
    "try_into",
    "watch_health",
];

/// What the expansion may rely on, provided that nothing was reported.
pub(crate) struct ValidEvent<'a> {
    pub(crate) event: &'a Event<'a>,
    /// The position of the variant that means "everything is stale".
    pub(crate) all: usize,
}

pub(crate) fn check<'a>(cx: &Ctxt, event: &'a Event<'a>) -> Option<ValidEvent<'a>> {
    check_generics(cx, event);
    check_serde(cx, event);
    check_shapes(cx, event);
    check_types(cx, event);
    check_variant_names(cx, event);
    check_field_names(cx, event);
    check_non_empty(cx, event);
    check_as_string(cx, event);
    check_methods(cx, event);
    let all = check_all(cx, event)?;
    Some(ValidEvent { event, all })
}

/// An event enum is not generic, because its wire shape is fixed.
fn check_generics(cx: &Ctxt, event: &Event<'_>) {
    let generics = &event.input.generics;
    if !generics.params.is_empty() {
        let help = "use concrete types; the wire shape is fixed";
        cx.error(generics, "an event enum cannot be generic", help);
    }
}

/// `#[serde(..)]` is rejected, because the validator reads `#[invalidation(..)]` alone.
fn check_serde(cx: &Ctxt, event: &Event<'_>) {
    for attr in event.attrs().filter(|attr| attr.path().is_ident("serde")) {
        let msg = "the generated validator ignores `#[serde(..)]`";
        cx.error(attr, msg, "use `#[invalidation(..)]`");
    }
}

/// Variants have named fields or none. They have no discriminants and their fields no defaults,
/// because these are not sent.
fn check_shapes(cx: &Ctxt, event: &Event<'_>) {
    for variant in &event.variants {
        let node = variant.node;
        if let Fields::Unnamed(unnamed) = &node.fields {
            let name = &node.ident;
            let types: Vec<_> = unnamed
                .unnamed
                .iter()
                .map(|f| types::spelled(&f.ty))
                .collect();
            let help = match &types[..] {
                [] => format!("write `{name}`"),
                [ty] => format!("name them: `{name} {{ id: {ty} }}`"),
                types => {
                    let letters = 'a'..='z';
                    let fields: Vec<_> = letters
                        .zip(types)
                        .map(|(letter, ty)| format!("{letter}: {ty}"))
                        .collect();
                    format!("name them: `{name} {{ {} }}`", fields.join(", "))
                }
            };
            let msg = format!("variant `{name}` has unnamed fields");
            cx.error(unnamed, msg, help);
        }
        if let Some((eq, value)) = &node.discriminant {
            let text = types::spelled(value);
            let help = format!("remove `{} {text}`", eq.to_token_stream());
            cx.error(value, "discriminants are not sent", help);
        }
        for field in &node.fields {
            if let Some((eq, value)) = &field.default {
                let mut at = eq.to_token_stream();
                value.to_tokens(&mut at);
                cx.error(
                    at,
                    "default field values are not supported",
                    "remove the default",
                );
            }
        }
    }
}

/// Events own their data, and the keys of a variant are fixed.
fn check_types(cx: &Ctxt, event: &Event<'_>) {
    for field in event
        .variants
        .iter()
        .flat_map(|variant| &variant.node.fields)
    {
        let Some((defect, at)) = types::defect(&field.ty) else {
            continue;
        };
        let name = match &field.ident {
            Some(ident) => format!("field `{}`", ident.unraw()),
            None => "the field".to_owned(),
        };
        match defect {
            Defect::Borrows => {
                let msg = format!("{name} borrows, but received events own their data");
                let help = match types::owned(at) {
                    Some(own) => format!("use `{own}`"),
                    None => "use a type that owns its data".to_owned(),
                };
                cx.error(at, msg, help);
            }
            Defect::NotData => {
                let help =
                    "use a type that serde can write and read, such as a string or an integer";
                cx.error(at, "this type cannot be sent in an event", help);
            }
            Defect::Optional => {
                let msg = format!("optional {name} would make the key set vary");
                cx.error(at, msg, "split it into two variants");
            }
        }
    }
}

/// Variants have different names on the wire, because the value of the tag identifies the variant.
fn check_variant_names(cx: &Ctxt, event: &Event<'_>) {
    for (i, variant) in event.variants.iter().enumerate() {
        let name = &variant.wire.text;
        let mut earlier = event.variants[..i].iter();
        if let Some(first) = earlier.find(|other| other.wire.text == *name) {
            let taken = format!(
                "wire name `{name}` is already taken by `{}`",
                first.node.ident
            );
            cx.error(&variant.wire.at, taken, "choose another `rename`");
            cx.note(
                &first.wire.at,
                format_args!("wire name `{name}` is first used here"),
            );
        }
    }
}

/// The keys of one payload are not empty, and differ from each other and from the tag.
fn check_field_names(cx: &Ctxt, event: &Event<'_>) {
    for variant in &event.variants {
        for (i, field) in variant.fields.iter().enumerate() {
            let name = &field.wire.text;
            let at = &field.wire.at;
            if name.is_empty() {
                let msg = format!("field `{}` has no name on the wire", field.ident);
                cx.error(at, msg, "add `#[invalidation(rename = \"..\")]`");
            } else if *name == event.tag.text {
                let msg = format!("field `{name}` collides with the event tag");
                cx.error(at, msg, "add `rename = \"..\"`");
            } else if let Some(first) = variant.fields[..i].iter().find(|f| f.wire.text == *name) {
                let msg = format!("field name `{name}` appears twice on the wire");
                cx.error(at, msg, "rename one");
                cx.note(
                    &first.wire.at,
                    format_args!("field name `{name}` is first used here"),
                );
            }
        }
    }
}

/// A scalar cannot be empty, so `non_empty` on it is an error.
fn check_non_empty(cx: &Ctxt, event: &Event<'_>) {
    for field in event.variants.iter().flat_map(|variant| &variant.fields) {
        if let Some(key) = &field.non_empty
            && types::is_scalar(&field.node.ty)
        {
            let ty = types::spelled(&field.node.ty);
            let help = "remove it; numbers, bools and characters cannot be empty";
            cx.error(
                key,
                format_args!("`non_empty` means nothing for `{ty}`"),
                help,
            );
        }
    }
}

/// Only integers, and lists of integers, are sent as strings of digits. A type that is not known here
/// is left to the compiler.
fn check_as_string(cx: &Ctxt, event: &Event<'_>) {
    for field in event.variants.iter().flat_map(|variant| &variant.fields) {
        if let Some(key) = &field.as_string
            && types::is_known(&field.node.ty)
            && !types::is_integer(types::item(&field.node.ty).unwrap_or(&field.node.ty))
        {
            let ty = types::spelled(&field.node.ty);
            let help = "remove it; it is for integers such as `u64`, and for a `Vec` of them";
            cx.error(
                key,
                format_args!("`as_string` means nothing for `{ty}`"),
                help,
            );
        }
    }
}

/// Each variant has its own method name, which is not one that every service has.
fn check_methods(cx: &Ctxt, event: &Event<'_>) {
    for (i, variant) in event.variants.iter().enumerate() {
        let method = &variant.method;
        // If they also share a name on the wire, that was reported: one cause, one error.
        let clashes =
            |other: &&Variant<'_>| other.method == *method && other.wire.text != variant.wire.text;
        if let Some(first) = event.variants[..i].iter().find(clashes) {
            let msg = format!(
                "method `{method}` is already taken by `{}`",
                first.node.ident
            );
            let help = if variant.names_method {
                "choose another `method`"
            } else {
                "add `#[invalidation(method = \"..\")]` or rename the variant"
            };
            cx.error(method, msg, help);
            cx.note(
                &first.method,
                format_args!("method `{method}` is first used here"),
            );
        }
        if TAKEN.contains(&method.unraw().to_string().as_str()) {
            let msg = format!("every service has a method `{method}` already");
            cx.error(method, msg, "choose another `method`");
        }
    }
}

/// Exactly one variant, without fields, means "everything is stale". Returns its position.
fn check_all(cx: &Ctxt, event: &Event<'_>) -> Option<usize> {
    let name = &event.input.ident;
    if event.variants.is_empty() {
        let msg = format!("enum `{name}` has no events");
        cx.error(name, msg, "add a variant such as `All`");
        return None;
    }
    let variants = &event.variants;
    let named = variants.iter().position(is_named_all);
    let marked = variants.iter().position(|variant| variant.all.is_some());
    let all = marked.or(named);
    if all.is_none() {
        let msg = format!(
            "enum `{name}` has no variant for \"everything is stale\"; handlers receive that variant when events may have been lost"
        );
        let help = "add `All`, or mark a unit variant `#[invalidation(all)]`";
        cx.error(name, msg, help);
    }
    let mut first: Option<&Variant<'_>> = None;
    for variant in variants {
        let Some(key) = &variant.all else { continue };
        if named.is_some() && first.is_none() {
            let msg = format!(
                "`{}` and `All` both mean that everything is stale",
                variant.node.ident
            );
            cx.error(key, msg, "remove `all`, or give `All` another name");
        }
        if !variant.is_empty() {
            let msg = "`all` needs a variant without fields: when events were lost, the values of its fields are unknown";
            let help = format!(
                "remove the fields of `{}`, or mark another",
                variant.node.ident
            );
            cx.error(key, msg, help);
        }
        match first {
            None => first = Some(variant),
            Some(first) => {
                let msg = format!("`all` is already set on `{}`", first.node.ident);
                cx.error(key, msg, "keep one");
                cx.note(&first.all, "`all` is first set here");
            }
        }
    }
    all
}

/// Whether this is the variant for "everything is stale" by its name, and not by the key `all`.
fn is_named_all(variant: &Variant<'_>) -> bool {
    variant.node.ident == "All" && variant.is_empty() && variant.all.is_none()
}
