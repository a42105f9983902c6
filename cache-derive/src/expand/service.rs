//! The service struct, with its constructor, its traits and the registration of its channel.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::{Field, Fields, Type};

use super::event::{ends, itself};
use super::{allow_arguments, allow_deprecated};
use crate::ast::{Service, cfg};
use crate::attr::service::{Channel, OnRejected, ServiceAttrs};

pub(crate) fn expand(service: &Service<'_>, channel: &Channel, event: &Type) -> TokenStream {
    let mixed = Span::mixed_site();
    let item = item(service);
    let krate = service.krate();
    let handle = handle(service);
    let plain = quote_spanned!(mixed=> #event);
    let event = itself(&plain, &quote_spanned!(mixed=> __rt::InvalidationEvent));
    let (channel, check) = checked_channel(channel);
    let registration = registration(service, &channel, &event);
    let constructor = constructor(service, &handle, &event);
    let traits = traits(service, &channel, &plain, &event);
    let allow = allow_deprecated(service.input.attrs.iter());
    let marker = marker(service);
    quote_spanned! {mixed=>
        #item
        #marker
        // Some generated code has the spans of the event's tokens, so lints treat it as the user's.
        #[allow(unused_qualifications)]
        #allow
        const _: () = {
            use #krate as __rt;
            use __rt::__private as __p;

            #check
            #registration
            #constructor
            #traits
        };
    }
}

/// The implementations of `Deref` and `Service`. If the event lacks its derive, rustc rejects every
/// item in them. The items have the spans of the event, so that rustc prints one error.
fn traits(
    service: &Service<'_>,
    channel: &TokenStream,
    plain: &TokenStream,
    event: &TokenStream,
) -> TokenStream {
    let mixed = Span::mixed_site();
    let ident = &service.input.ident;
    let where_clause = &service.input.generics.where_clause;
    let handle = handle(service);
    let (open, close) = ends(plain);
    let get = if service.invalidators.is_empty() {
        quote_spanned!(open=> self.#handle.get())
    } else {
        quote_spanned!(open=> &self.#handle)
    };
    let bracket = quote_spanned!(close=> >);
    let target = quote_spanned!(close=> Target);
    let invalidator = quote_spanned!(open=> __rt::service::Invalidator<#event #bracket);
    let deref = quote_spanned!(open=> fn deref(&self) -> &Self::#target { #get });
    let own = quote_spanned!(open=> __rt::service::Invalidator<Self::Event #bracket);
    let own = quote_spanned!(open=> fn invalidator(&self) -> &#own { #get });
    // Documentation shows the event as the user wrote it.
    quote_spanned! {mixed=>
        #[automatically_derived]
        impl ::core::ops::Deref for #ident #where_clause {
            #[cfg(not(doc))]
            type Target = #invalidator;
            #[cfg(doc)]
            type Target = __rt::service::Invalidator<#plain>;

            #deref
        }

        #[automatically_derived]
        impl __rt::service::Service for #ident #where_clause {
            #[cfg(not(doc))]
            type Event = #event;
            #[cfg(doc)]
            type Event = #plain;
            const CHANNEL: &'static ::core::primitive::str = #channel;

            #own
        }
    }
}

/// The user's struct, with a hidden field for the handle if no field is an `Invalidator`.
fn item(service: &Service<'_>) -> TokenStream {
    let input = service.input;
    let (attrs, vis, ident) = (&input.attrs, &input.vis, &input.ident);
    let token = &service.data.struct_token;
    let where_clause = &input.generics.where_clause;
    let fields = service.data.fields.iter().map(Field::to_token_stream);
    let handle = service.invalidators.is_empty().then(|| {
        let handle = handle(service);
        let krate = service.krate();
        quote_spanned!(Span::mixed_site()=> #handle: #krate::__private::Handle)
    });
    let fields = fields.chain(handle);
    quote_spanned! {Span::mixed_site()=>
        #(#attrs)*
        #vis #token #ident #where_clause {
            #(#fields,)*
        }
    }
}

/// A value with the name of a unit struct. A derive above the attribute sees the unit struct that the
/// user wrote, and writes its name as a value. The error then names this type.
fn marker(service: &Service<'_>) -> Option<TokenStream> {
    let Fields::Unit = service.data.fields else {
        return None;
    };
    let (ident, krate) = (&service.input.ident, service.krate());
    Some(quote_spanned! {Span::mixed_site()=>
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals)]
        const #ident: #krate::__private::MoveDerivesBelowCacheInvalidation =
            #krate::__private::MoveDerivesBelowCacheInvalidation;
    })
}

/// The name of the field that holds the `Invalidator`: the user's, or the hidden one.
fn handle(service: &Service<'_>) -> Ident {
    let own = service.invalidators.first();
    let own = own.and_then(|(field, _)| field.ident.clone());
    own.unwrap_or_else(|| Ident::new("__invalidator", Span::mixed_site()))
}

/// The expression for the channel and, for a constant, the code with which the compiler checks it.
fn checked_channel(channel: &Channel) -> (TokenStream, Option<TokenStream>) {
    match channel {
        Channel::Literal(name) => (name.at.clone(), None),
        Channel::Path(path) => {
            let (open, close) = ends(&path.to_token_stream());
            let argument = quote_spanned!(close=> (__CHANNEL));
            let check = quote_spanned! {open=>
                const __CHANNEL: &::core::primitive::str = #path;
                const _: () = __p::check_channel #argument;
            };
            (quote_spanned!(Span::mixed_site()=> __CHANNEL), Some(check))
        }
    }
}

/// The static that declares the channel, and its entry in the list of the program's channels.
fn registration(service: &Service<'_>, channel: &TokenStream, event: &TokenStream) -> TokenStream {
    let name = format!("::{}", service.input.ident.unraw());
    let ServiceAttrs {
        on_rejected,
        log_subscription,
        log_events,
        log_publish,
        ..
    } = service.attrs;
    let on_rejected = on_rejected.map(|policy| {
        let policy = match policy {
            OnRejected::Flush => quote_spanned!(Span::mixed_site()=> Flush),
            OnRejected::Ignore => quote_spanned!(Span::mixed_site()=> Ignore),
        };
        quote_spanned!(Span::mixed_site()=> .on_rejected(__p::OnRejected::#policy))
    });
    quote_spanned! {Span::mixed_site()=>
        static __DECLARED: __p::DeclaredChannel = __p::DeclaredChannel::new::<#event>(
            #channel,
            ::core::concat!(::core::module_path!(), #name),
            ::core::file!(),
            ::core::line!(),
            ::core::column!(),
            __p::Logging {
                subscription: #log_subscription,
                events: #log_events,
                publish: #log_publish,
            },
        ) #on_rejected;
        __p::inventory::submit! { &__DECLARED }
    }
}

fn constructor(service: &Service<'_>, handle: &Ident, event: &TokenStream) -> TokenStream {
    let (ident, vis) = (&service.input.ident, &service.input.vis);
    let where_clause = &service.input.generics.where_clause;
    let name = service.constructor();
    let parameters = service.parameters().map(|field| {
        let (cfg, ident, ty) = (cfg(field), &field.ident, &field.ty);
        quote_spanned!(Span::mixed_site()=> #(#cfg)* #ident: #ty)
    });
    let values = service.parameters().map(|field| {
        let (cfg, ident) = (cfg(field), &field.ident);
        quote_spanned!(Span::mixed_site()=> #(#cfg)* #ident)
    });
    let allow = allow_arguments(service.parameters().count());
    let handle_value = if service.invalidators.is_empty() {
        quote_spanned!(Span::mixed_site()=> __p::Handle::new::<#event>(bus, &__DECLARED))
    } else {
        quote_spanned!(Span::mixed_site()=> __rt::service::Invalidator::new(bus, &__DECLARED))
    };
    // rustc reports a clash of names at the whole head, so the whole head has the span of the name.
    let at = name.span().resolved_at(Span::mixed_site());
    let vis = respanned(vis.to_token_stream(), at);
    let head = quote_spanned!(at=> #vis fn #name(bus: &__rt::Bus #(, #parameters)*) -> Self);
    quote_spanned! {Span::mixed_site()=>
        impl #ident #where_clause {
            /// Creates the service on a bus. It sends and receives nothing until it is used.
            ///
            /// A program may create any number of them, on one bus or on several.
            #[must_use = "a service does nothing by itself"]
            #allow
            #head {
                Self {
                    #(#values,)*
                    #handle: #handle_value,
                }
            }
        }
    }
}

/// The tokens, all with `span`.
fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    let at = |mut token: TokenTree| {
        if let TokenTree::Group(group) = token {
            token = Group::new(group.delimiter(), respanned(group.stream(), span)).into();
        }
        token.set_span(span);
        token
    };
    tokens.into_iter().map(at).collect()
}
