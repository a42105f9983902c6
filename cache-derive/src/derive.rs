//! Parse, validate, expand; on any error everything that is wrong, and a stub.

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
    if let Some(event) = &event {
        valid::event::check(&cx, event);
    }
    match (cx.check(), &event) {
        (Ok(()), Some(event)) => match event.all() {
            Some(all) => expand::event::expand(event, all),
            None => TokenStream::new(),
        },
        (Ok(()), None) => TokenStream::new(),
        (Err(errors), event) => fallback::event(&errors, &input, event.as_ref()),
    }
}

/// `#[cache_invalidation(..)]`
pub(crate) fn service(args: &TokenStream, item: &TokenStream) -> TokenStream {
    let cx = Ctxt::new();
    if let Some(keyword) = foreign_keyword(item) {
        let msg = "`cache_invalidation` must be placed on a struct";
        cx.error(keyword, msg, "move it above `struct S`");
        return rejected(cx, item);
    }
    let input: DeriveInput = match syn::parse2(item.clone()) {
        Ok(input) => input,
        Err(error) => {
            cx.push(error);
            return rejected(cx, item);
        }
    };
    let (msg, help) = (
        "services must be structs",
        "derive `InvalidationEvent` on event enums",
    );
    match &input.data {
        Data::Struct(data) => {
            let service = Service::new(&cx, args, &input, data);
            valid::service::check(&cx, args, &service);
            accepted(cx, &service)
        }
        Data::Enum(data) => {
            cx.error(data.enum_token, msg, help);
            rejected(cx, item)
        }
        Data::Union(data) => {
            cx.error(data.union_token, msg, help);
            rejected(cx, item)
        }
    }
}

fn accepted(cx: Ctxt, service: &Service<'_>) -> TokenStream {
    if let Err(errors) = cx.check() {
        return fallback::service(&errors, service);
    }
    match (&service.attrs.channel, service.event()) {
        (Some((_, Some(channel))), Some(event)) => expand::service::expand(service, channel, event),
        _ => TokenStream::new(),
    }
}

fn rejected(cx: Ctxt, item: &TokenStream) -> TokenStream {
    match cx.check() {
        Ok(()) => item.clone(),
        Err(errors) => fallback::item(&errors, item),
    }
}

/// The keyword of an item that is no struct, enum or union, which would not parse.
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
