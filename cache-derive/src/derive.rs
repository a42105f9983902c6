//! Parses, validates and expands. If there are errors, emits all of them and a stub.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::{Data, DeriveInput};

use crate::ast::{Event, Service};
use crate::ctxt::Ctxt;
use crate::{expand, fallback, valid};

/// `#[derive(InvalidationEvent)]`
pub(crate) fn event(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let cx = Ctxt::new();
    let msg = "`InvalidationEvent` can only be derived for enums";
    let event = match &input.data {
        Data::Enum(data) => Some(Event::new(&cx, &input, data)),
        Data::Struct(data) => {
            let help = "turn the struct into a variant with named fields";
            cx.error(data.struct_token, msg, help);
            None
        }
        Data::Union(data) => {
            cx.error(data.union_token, msg, "use an enum");
            None
        }
    };
    let valid = event
        .as_ref()
        .and_then(|event| valid::event::check(&cx, event));
    match cx.check(valid) {
        Ok(valid) => expand::event::expand(valid.event, valid.all),
        Err(errors) => fallback::event(&errors, &input, event.as_ref()),
    }
}

/// `#[cache_invalidation(..)]`
pub(crate) fn service(args: &TokenStream, item: &TokenStream) -> TokenStream {
    let cx = Ctxt::new();
    if let Some(keyword) = foreign_keyword(item) {
        let msg = "`cache_invalidation` must be placed on a struct";
        cx.error(keyword, msg, "move it above `struct S`");
        return fallback::item(&cx.errors(), item);
    }
    let input: DeriveInput = match syn::parse2(item.clone()) {
        Ok(input) => input,
        Err(error) => {
            cx.push(error);
            return fallback::item(&cx.errors(), item);
        }
    };
    let (msg, help) = (
        "services must be structs",
        "derive `InvalidationEvent` on event enums",
    );
    match &input.data {
        Data::Struct(data) => {
            let service = Service::new(&cx, args, &input, data);
            let valid = valid::service::check(&cx, args, &service);
            match cx.check(valid) {
                Ok(valid) => expand::service::expand(&service, valid.channel, valid.event),
                Err(errors) => fallback::service(&errors, &service),
            }
        }
        Data::Enum(data) => {
            cx.error(data.enum_token, msg, help);
            fallback::item(&cx.errors(), item)
        }
        Data::Union(data) => {
            cx.error(data.union_token, msg, help);
            fallback::item(&cx.errors(), item)
        }
    }
}

/// The keyword of an item that is no struct, enum or union, which [`DeriveInput`] cannot parse.
fn foreign_keyword(item: &TokenStream) -> Option<Ident> {
    const OTHERS: [&str; 10] = [
        "impl",
        "fn",
        "trait",
        "mod",
        "type",
        "use",
        "static",
        "extern",
        "macro_rules",
        "const",
    ];
    let keyword = item.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "struct" || ident == "enum" => Some(None),
        TokenTree::Ident(ident) if OTHERS.iter().any(|other| ident == other) => Some(Some(ident)),
        _ => None,
    });
    keyword.flatten()
}
