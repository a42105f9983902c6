//! The rules for service structs.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Fields, Type};

use crate::ast::Service;
use crate::attr::service::{Channel, is_ours};
use crate::ctxt::Ctxt;
use crate::types;

/// What the expansion may rely on, provided that nothing was reported.
pub(crate) struct ValidService<'a> {
    pub(crate) channel: &'a Channel,
    pub(crate) event: &'a Type,
}

pub(crate) fn check<'a>(
    cx: &Ctxt,
    args: &TokenStream,
    service: &'a Service<'_>,
) -> Option<ValidService<'a>> {
    check_applied_once(cx, service);
    check_generics(cx, service);
    check_fields(cx, service);
    check_event(cx, args, service);
    let channel = service.channel()?;
    let event = service.event()?;
    Some(ValidService { channel, event })
}

/// The attribute is applied once, because a service has one channel.
fn check_applied_once(cx: &Ctxt, service: &Service<'_>) {
    for attr in service.input.attrs.iter().filter(|attr| is_ours(attr)) {
        let msg = format!("already applied to `{}`", service.input.ident);
        cx.error(attr, msg, "merge the arguments");
    }
}

/// A service is not generic, because its channel is registered once.
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

/// Fields have names, which the constructor's parameters take. At most one is an `Invalidator`.
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

/// The key `event` or an `Invalidator` field names the events. If both do, they agree.
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

/// Whether the last segments differ. The rest may differ, as two paths can lead to the same type.
fn differ(a: &Type, b: &Type) -> bool {
    let last = |ty| types::plain(ty).and_then(|path| path.segments.last());
    match (last(a), last(b)) {
        (Some(a), Some(b)) => a.ident != b.ident,
        _ => false,
    }
}
