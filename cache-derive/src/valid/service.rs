//! What a service struct must be like.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Fields, Type};

use crate::ast::Service;
use crate::ctxt::Ctxt;
use crate::types;

pub(crate) fn check(cx: &Ctxt, args: &TokenStream, service: &Service<'_>) {
    check_applied_once(cx, service);
    check_generics(cx, service);
    check_fields(cx, service);
    check_event(cx, args, service);
}

/// A struct has one channel.
fn check_applied_once(cx: &Ctxt, service: &Service<'_>) {
    for attr in service.input.attrs.iter().filter(|attr| is_ours(attr)) {
        let msg = format!("already applied to `{}`", service.input.ident);
        cx.error(attr, msg, "merge the arguments");
    }
}

/// `#[cache_invalidation]`, by whatever path.
pub(crate) fn is_ours(attr: &syn::Attribute) -> bool {
    let last = attr.path().segments.last();
    last.is_some_and(|segment| segment.ident == "cache_invalidation")
}

/// Its one registration is made at compile time.
fn check_generics(cx: &Ctxt, service: &Service<'_>) {
    let generics = &service.input.generics;
    if !generics.params.is_empty() {
        let msg = "a service cannot be generic: its channel is registered once, at compile time";
        cx.error(
            generics,
            msg,
            "use concrete types, one struct for each channel",
        );
    }
}

/// The constructor takes the fields by name, and there is one place for the handle.
fn check_fields(cx: &Ctxt, service: &Service<'_>) {
    let name = &service.input.ident;
    if let Fields::Unnamed(unnamed) = &service.data.fields {
        let help = if unnamed.unnamed.is_empty() {
            format!("write `struct {name};`")
        } else {
            format!("name them, or write `struct {name};`")
        };
        let msg = format!("service `{name}` has unnamed fields");
        cx.error(unnamed, msg, help);
    }
    for (field, _) in service.invalidators.iter().skip(1) {
        let msg = format!("service `{name}` has two fields of type `Invalidator`");
        cx.error(
            &field.ty,
            msg,
            "keep one, and write a second service for the other",
        );
    }
}

/// The key `event` or a field names the events, and both agree.
fn check_event(cx: &Ctxt, args: &TokenStream, service: &Service<'_>) {
    match (&service.attrs.event, service.invalidators.first()) {
        (None, None) if !args.is_empty() => {
            let help =
                "add `event = UserEvent`, or a field such as `events: Invalidator<UserEvent>`";
            cx.error(args, "missing `event`", help);
        }
        (Some((key, Some(event))), Some((field, other))) if differ(event, other) => {
            let name = field.ident.to_token_stream();
            let msg = format!(
                "`event` cannot be combined with the field `{name}`, which has events of type `{}`",
                types::spelled(other)
            );
            cx.error(key, msg, "remove one");
            cx.note(&field.ty, format_args!("`{name}` names the events here"));
        }
        _ => {}
    }
}

/// Whether two types end differently; paths may lead to the same type in several ways.
fn differ(a: &Type, b: &Type) -> bool {
    let last = |ty| types::plain(ty).and_then(|path| path.segments.last());
    match (last(a), last(b)) {
        (Some(a), Some(b)) => a.ident != b.ident,
        _ => false,
    }
}
