//! The stubs that are emitted beside errors, so that the rest of the user's crate compiles.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{Data, DeriveInput, Field, GenericParam, Type};

use crate::ast::{Event, Service, Variant, cfg};
use crate::attr::service::is_ours;
use crate::ctxt::Errors;
use crate::types;

/// The errors and the item unchanged.
pub(crate) fn item(errors: &Errors, item: &TokenStream) -> TokenStream {
    let mut tokens = errors.to_token_stream();
    item.to_tokens(&mut tokens);
    tokens
}

/// The errors and an implementation of `InvalidationEvent` that compiles but never runs.
pub(crate) fn event(
    errors: &Errors,
    input: &DeriveInput,
    event: Option<&Event<'_>>,
) -> TokenStream {
    let errors = errors.to_token_stream();
    if !fields(input)
        .into_iter()
        .all(|field| types::is_sized_send_sync(&field.ty))
    {
        // The stub would not satisfy the trait's bounds, which would be one more error.
        return errors;
    }
    let mixed = Span::mixed_site();
    let krate = event.map_or_else(
        || quote_spanned!(mixed=> ::cache_runtime),
        |e| e.krate.clone(),
    );
    let variants = event.map(|event| &event.variants[..]).unwrap_or_default();
    let stub = implementation(input, variants);
    quote_spanned! {mixed=>
        #errors
        const _: () = {
            use #krate as __rt;
            use __rt::__private as __p;
            #stub
        };
    }
}

fn fields(input: &DeriveInput) -> Vec<&Field> {
    match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data
            .variants
            .iter()
            .flat_map(|variant| &variant.fields)
            .collect(),
        Data::Union(data) => data.fields.named.iter().collect(),
    }
}

fn implementation(input: &DeriveInput, variants: &[Variant<'_>]) -> TokenStream {
    let mixed = Span::mixed_site();
    let ident = &input.ident;
    let vis = &input.vis;
    let name = ident.to_string();
    let methods = format_ident!("{}Methods", ident, span = mixed);
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let predicates = where_clause.map(|clause| &clause.predicates);
    let bounds = (!input.generics.params.is_empty()).then(
        || quote_spanned!(mixed=> Self: ::core::marker::Send + ::core::marker::Sync + 'static,),
    );
    let stubs = stubs(input, variants);
    quote_spanned! {mixed=>
        #[automatically_derived]
        impl #impl_generics __rt::InvalidationEvent for #ident #ty_generics
        where
            #bounds
            #predicates
        {
            const SCHEMA: &'static __rt::event::EventSchema = &__rt::event::EventSchema::new(#name, "type", &[], 0);
            type Itself = Self;
            type Methods = #methods<Self>;

            fn decode_within(
                _: &[::core::primitive::u8],
                _: ::core::primitive::usize,
            ) -> ::core::result::Result<Self, __rt::event::Rejection> {
                loop {}
            }

            fn encode_into(
                &self,
                _: &mut ::std::vec::Vec<::core::primitive::u8>,
            ) -> ::core::result::Result<(), __rt::event::EncodeError> {
                loop {}
            }

            fn all() -> Self {
                loop {}
            }

            fn variant(&self) -> ::core::primitive::usize {
                loop {}
            }
        }

        #[doc(hidden)]
        #vis struct #methods<E: __rt::InvalidationEvent>(__p::Publisher<E>);

        #[allow(dead_code)]
        impl<E: __rt::InvalidationEvent> #methods<E> {
            #(#stubs)*
        }

        impl<E: __rt::InvalidationEvent> __p::EventMethods<E> for #methods<E> {
            fn new(publisher: __p::Publisher<E>) -> Self {
                Self(publisher)
            }
        }
    }
}

/// The `invalidate_…` methods. A parameter accepts any type where the field's type may be wrong.
fn stubs(input: &DeriveInput, variants: &[Variant<'_>]) -> Vec<TokenStream> {
    let mut names: Vec<&Ident> = Vec::new();
    let mut stubs = Vec::new();
    for variant in variants {
        let name = &variant.method;
        if names.contains(&name) {
            continue;
        }
        names.push(name);
        let parameters = variant
            .node
            .fields
            .iter()
            .map(|field| parameter(input, &field.ty));
        let vis = &input.vis;
        stubs.push(quote_spanned! {Span::mixed_site()=>
            #[doc(hidden)]
            #vis fn #name(
                &self #(, _: #parameters)*
            ) -> __rt::service::Publishing<'_> {
                loop {}
            }
        });
    }
    stubs
}

fn parameter(input: &DeriveInput, ty: &Type) -> TokenStream {
    let mixed = Span::mixed_site();
    let generic = input
        .generics
        .params
        .iter()
        .any(|param| !matches!(param, GenericParam::Lifetime(_)));
    if types::is_string(ty) {
        quote_spanned!(mixed=> impl ::core::convert::Into<#ty>)
    } else if types::is_known(ty) || (!generic && types::defect(ty).is_none()) {
        types::without_self(ty.to_token_stream(), &input.ident)
    } else {
        quote_spanned!(mixed=> impl ::core::marker::Sized)
    }
}

/// The errors and the user's struct, with the constructor and the traits of a service.
pub(crate) fn service(errors: &Errors, service: &Service<'_>) -> TokenStream {
    let mixed = Span::mixed_site();
    let mut input = service.input.clone();
    input.attrs.retain(|attr| !is_ours(attr));
    let krate = service.krate();
    let (vis, ident) = (&input.vis, &input.ident);
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let predicates = where_clause.map(|clause| &clause.predicates);
    let bounds = (!input.generics.params.is_empty())
        .then(|| quote_spanned!(mixed=> Self: ::core::marker::Send + ::core::marker::Sync,));
    let name = service.constructor();
    let parameters = service.parameters().map(|field| {
        let (cfg, ty) = (cfg(field), &field.ty);
        quote_spanned!(mixed=> #(#cfg)* _: #ty)
    });
    let (event, unknown) = match service.event() {
        Some(event) => (event.to_token_stream(), None),
        None => unknown(),
    };
    quote_spanned! {mixed=>
        #errors
        #[allow(dead_code)]
        #input
        const _: () = {
            use #krate as __rt;
            use __rt::__private as __p;
            #unknown

            impl #impl_generics #ident #ty_generics #where_clause {
                #[doc(hidden)]
                #vis fn #name(_: &__rt::Bus #(, #parameters)*) -> Self {
                    loop {}
                }
            }

            impl #impl_generics ::core::ops::Deref for #ident #ty_generics #where_clause {
                type Target = __rt::service::Invalidator<#event>;

                fn deref(&self) -> &Self::Target {
                    loop {}
                }
            }

            impl #impl_generics __rt::service::Service for #ident #ty_generics
            where
                #bounds
                #predicates
            {
                type Event = #event;
                const CHANNEL: &'static ::core::primitive::str = "";

                fn invalidator(&self) -> &__rt::service::Invalidator<Self::Event> {
                    loop {}
                }
            }
        };
    }
}

/// The name and the stub of an event, for a service that names none.
fn unknown() -> (TokenStream, Option<TokenStream>) {
    let input: DeriveInput = syn::parse_quote!(
        pub enum Unknown {}
    );
    let stub = implementation(&input, &[]);
    let name = &input.ident;
    let item = quote_spanned!(Span::mixed_site()=> #[doc(hidden)] #input #stub);
    (name.to_token_stream(), Some(item))
}
