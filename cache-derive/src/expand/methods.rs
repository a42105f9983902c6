//! The `invalidate_…` methods, as inherent methods of a handle: a struct generated for each event.
//! A trait would have to be imported.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::{Fields, Type, Visibility};

use super::{allow_arguments, docs};
use crate::ast::{Event, Field, Variant};
use crate::types;

/// The handle's name.
pub(super) fn name(event: &Event<'_>) -> Ident {
    format_ident!(
        "{}Methods",
        event.input.ident.unraw(),
        span = Span::mixed_site()
    )
}

/// The handle with its methods. It uses `__rt` and `__p`, which the expansion of the event imports.
pub(super) fn handle(event: &Event<'_>) -> TokenStream {
    let mixed = Span::mixed_site();
    let name = name(event);
    let ident = &event.input.ident;
    let vis = &event.input.vis;
    let krate = quote_spanned!(mixed=> __rt);
    let methods = event.variants.iter().map(|variant| {
        let head = signature(event, variant, &krate, Some(vis));
        let path = &variant.node.ident;
        let values = variant.fields.iter().map(value);
        let braces = !matches!(variant.node.fields, Fields::Unit);
        let fields = braces.then(|| quote_spanned!(mixed=> { #(#values),* }));
        quote_spanned! {mixed=>
            #[inline]
            #head {
                self.0.publish(#ident::#path #fields)
            }
        }
    });
    quote_spanned! {mixed=>
        #[doc(hidden)]
        #vis struct #name(__p::Publisher<#ident>);

        #[allow(dead_code)]
        impl #name {
            #(#methods)*
        }

        #[automatically_derived]
        impl __p::EventMethods<#ident> for #name {
            #[inline]
            fn new(publisher: __p::Publisher<#ident>) -> Self {
                Self(publisher)
            }
        }
    }
}

/// A trait with the same methods, in documentation builds only. rustdoc does not show the methods
/// of the handle on the page of a service.
pub(super) fn listing(event: &Event<'_>) -> TokenStream {
    let mixed = Span::mixed_site();
    let name = name(event);
    let ident = &event.input.ident;
    let vis = &event.input.vis;
    let krate = &event.krate;
    let doc = docs::methods_trait(event);
    let heads = event
        .variants
        .iter()
        .map(|variant| signature(event, variant, krate, None));
    quote_spanned! {mixed=>
        #[cfg(doc)]
        #[doc = #doc]
        #vis trait #name: #krate::service::Service<Event = #ident> {
            #(#heads { loop {} })*
        }
        #[cfg(doc)]
        impl<S: #krate::service::Service<Event = #ident>> #name for S {}
    }
}

/// The documentation, attributes and signature of a method, without its body.
fn signature(
    event: &Event<'_>,
    variant: &Variant<'_>,
    krate: &TokenStream,
    vis: Option<&Visibility>,
) -> TokenStream {
    let doc = docs::method(event, variant);
    let deprecated = variant
        .node
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("deprecated"));
    let allow = allow_arguments(variant.fields.len());
    let method = &variant.method;
    let idents = variant.fields.iter().map(|field| field.ident);
    let types = variant
        .fields
        .iter()
        .map(|field| parameter(&event.input.ident, &field.node.ty));
    quote_spanned! {Span::mixed_site()=>
        #[doc = #doc]
        #(#deprecated)*
        #allow
        #vis fn #method(
            &self #(, #idents: #types)*
        ) -> #krate::service::Publishing<'_>
    }
}

/// The type of a parameter: the field's type, or `impl Into<String>` for a `String`.
fn parameter(event: &Ident, ty: &Type) -> TokenStream {
    if types::is_string(ty) {
        quote_spanned!(Span::mixed_site()=> impl ::core::convert::Into<#ty>)
    } else {
        types::without_self(ty.to_token_stream(), event)
    }
}

/// The initialiser of a field from the parameter of the same name.
fn value(field: &Field<'_>) -> TokenStream {
    let ident = field.ident;
    if types::is_string(&field.node.ty) {
        quote_spanned!(Span::mixed_site()=> #ident: ::core::convert::Into::into(#ident))
    } else {
        ident.to_token_stream()
    }
}
