//! The implementation of `InvalidationEvent`: a schema and calls into the runtime.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::Attribute;
use syn::ext::IdentExt;

use super::{allow_deprecated, docs, methods};
use crate::ast::{Event, Field, Variant};
use crate::types;

pub(crate) fn expand(event: &Event<'_>, all: usize) -> TokenStream {
    let mixed = Span::mixed_site();
    let krate = &event.krate;
    let ident = &event.input.ident;
    let allow = allow_deprecated(event.attrs());
    let schema = schema(event, all);
    let methods = methods::handle(event);
    let name = methods::name(event);
    let decode = decode(event);
    let encode = encode(event);
    let everything = construct(&event.variants[all], &[]);
    let index = index(event);
    let listing = methods::listing(event);
    let options = refuse_options(event);
    quote_spanned! {mixed=>
        #allow
        const _: () = {
            use #krate as __rt;
            use __rt::__private as __p;

            static __SCHEMA: __rt::event::EventSchema = #schema;
            #options

            #[automatically_derived]
            impl __rt::InvalidationEvent for #ident {
                const SCHEMA: &'static __rt::event::EventSchema = &__SCHEMA;
                type Itself = Self;
                type Methods = #name;

                #[inline]
                fn decode_within(
                    payload: &[::core::primitive::u8],
                    max_payload: ::core::primitive::usize,
                ) -> ::core::result::Result<Self, __rt::event::Rejection> {
                    #decode
                }

                #[inline]
                fn encode_into(
                    &self,
                    out: &mut ::std::vec::Vec<::core::primitive::u8>,
                ) -> ::core::result::Result<(), __rt::event::EncodeError> {
                    #encode
                }

                #[inline]
                fn all() -> Self {
                    #everything
                }

                #[inline]
                fn variant(&self) -> ::core::primitive::usize {
                    #index
                }
            }

            #methods
        };
        #listing
    }
}

fn schema(event: &Event<'_>, all: usize) -> TokenStream {
    let name = event.input.ident.unraw().to_string();
    let tag = &event.tag.text;
    let variants = event.variants.iter().map(|variant| {
        let name = variant.node.ident.unraw().to_string();
        let wire = &variant.wire.text;
        let head = docs::head(event, variant);
        let fields = variant.fields.iter().map(|field| {
            let name = field.ident.unraw().to_string();
            let wire = &field.wire.text;
            let lead = docs::lead(wire);
            let ty = types::spelled(&field.node.ty);
            let non_empty = field.non_empty.is_some();
            let typed = typed(field);
            let documented = documented(&field.node.attrs);
            quote_spanned! {Span::mixed_site()=>
                __rt::event::FieldSchema::new(#name, #wire, #lead, #ty, #non_empty) #typed #documented
            }
        });
        let documented = documented(&variant.node.attrs);
        quote_spanned! {Span::mixed_site()=>
            __rt::event::VariantSchema::new(#name, #wire, #head, &[#(#fields),*]) #documented
        }
    });
    let all = Literal::usize_unsuffixed(all);
    let documented = documented(&event.input.attrs);
    quote_spanned! {Span::mixed_site()=>
        __rt::event::EventSchema::new(#name, #tag, &[#(#variants),*], #all) #documented
    }
}

/// Tells the schema of a field its type.
fn typed(field: &Field<'_>) -> TokenStream {
    let mixed = Span::mixed_site();
    let name = match field.as_string {
        Some(_) => Ident::new("typed_as_string", mixed),
        None => Ident::new("typed", mixed),
    };
    let ty = turbofish(field).unwrap_or_else(|| {
        let ty = &field.node.ty;
        quote_spanned!(mixed=> ::<#ty>)
    });
    quote_spanned!(mixed=> .typed(__p::#name #ty ()))
}

/// Tells a schema the user's documentation, if there is any.
fn documented(attrs: &[Attribute]) -> Option<TokenStream> {
    let text = docs::own(attrs);
    (!text.is_empty()).then(|| quote_spanned!(Span::mixed_site()=> .documented(#text)))
}

fn decode(event: &Event<'_>) -> TokenStream {
    let mixed = Span::mixed_site();
    let most = event
        .variants
        .iter()
        .map(|variant| variant.fields.len())
        .max();
    let most = Literal::usize_unsuffixed(most.unwrap_or(0));
    let last = event.variants.len() - 1;
    let arms = event.variants.iter().enumerate().map(|(i, variant)| {
        let index = Literal::usize_unsuffixed(i);
        let fields = variant.fields.iter().enumerate().map(|(j, field)| {
            let position = Literal::usize_unsuffixed(j);
            let (name, ty) = (method(field), turbofish(field));
            let read =
                quote_spanned!(mixed=> __p::#name #ty (&__SCHEMA, #index, #position, &members));
            or_return(&read)
        });
        let value = construct(variant, &fields.collect::<Vec<_>>());
        if i == last {
            quote_spanned!(mixed=> _ => #value)
        } else {
            quote_spanned!(mixed=> #index => #value)
        }
    });
    let scan = quote_spanned!(mixed=> __p::scan(&__SCHEMA, payload, max_payload, &mut members));
    let variant = or_return(&scan);
    quote_spanned! {mixed=>
        let mut members = [__p::Member::EMPTY; #most];
        let variant = #variant;
        ::core::result::Result::Ok(match variant {
            #(#arms,)*
        })
    }
}

/// Rejects an `Option` behind an alias, which only the compiler can resolve.
fn refuse_options(event: &Event<'_>) -> TokenStream {
    let fields = event.variants.iter().flat_map(|variant| &variant.fields);
    let unknown = fields.filter(|field| !types::is_known(&field.node.ty));
    let checks = unknown.map(|field| {
        let ty = &field.node.ty;
        let ty = quote_spanned!(Span::mixed_site()=> #ty);
        let at = ends(&ty).0.resolved_at(Span::mixed_site());
        quote_spanned! {at=>
            const _: () = __p::refuse_option(<__p::Probe<#ty>>::IS_OPTION);
        }
    });
    let checks: TokenStream = checks.collect();
    if checks.is_empty() {
        return checks;
    }
    quote_spanned! {Span::mixed_site()=>
        use __p::NoOption as _;
        #checks
    }
}

/// `result?` without the conversion of the error, so that the expansion compiles faster.
fn or_return(result: &TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        match #result {
            ::core::result::Result::Ok(value) => value,
            ::core::result::Result::Err(error) => return ::core::result::Result::Err(error),
        }
    }
}

/// What reads and writes the field.
fn method(field: &Field<'_>) -> Ident {
    let name = match field.as_string {
        Some(_) => "field_as_string",
        None => "field",
    };
    Ident::new(name, Span::mixed_site())
}

/// The field's type as a turbofish, if serde may be unable to read it. The error of the compiler
/// then points at the user's tokens.
fn turbofish(field: &Field<'_>) -> Option<TokenStream> {
    let mixed = Span::mixed_site();
    let ty = &field.node.ty;
    let bound = if field.as_string.is_some() {
        quote_spanned!(mixed=> __p::AsString)
    } else {
        quote_spanned!(mixed=> __p::FieldType)
    };
    (!types::is_known(ty)).then(|| {
        let ty = itself(&quote_spanned!(mixed=> #ty), &bound);
        quote_spanned!(mixed=> ::<#ty>)
    })
}

/// `<ty as bound>::Itself`, which is `ty`. If `ty` does not meet the bound, every use reports an
/// equal error at `ty`, and rustc prints equal errors once.
pub(super) fn itself(ty: &TokenStream, bound: &TokenStream) -> TokenStream {
    let (open, close) = ends(ty);
    let mut out = quote_spanned!(open=> <#ty as #bound>::);
    out.extend(quote_spanned!(close=> Itself));
    out
}

/// The spans of the first and the last token.
pub(super) fn ends(tokens: &TokenStream) -> (Span, Span) {
    let mut spans = tokens.clone().into_iter().map(|token| token.span());
    let open = spans.next().unwrap_or_else(Span::call_site);
    (open, spans.last().unwrap_or(open))
}

fn encode(event: &Event<'_>) -> TokenStream {
    let mixed = Span::mixed_site();
    let arms = event.variants.iter().enumerate().map(|(i, variant)| {
        let index = Literal::usize_unsuffixed(i);
        let idents = variant.fields.iter().map(|field| field.ident);
        let locals: Vec<_> = (0..variant.fields.len())
            .map(|j| format_ident!("f{j}", span = mixed))
            .collect();
        let name = &variant.node.ident;
        let pattern = if variant.fields.is_empty() {
            quote_spanned!(mixed=> Self::#name { .. })
        } else {
            quote_spanned!(mixed=> Self::#name { #(#idents: #locals),* })
        };
        let writes = variant
            .fields
            .iter()
            .zip(&locals)
            .enumerate()
            .map(|(j, (field, local))| {
                let position = Literal::usize_unsuffixed(j);
                let (name, ty) = (method(field), turbofish(field));
                quote_spanned!(mixed=> .#name #ty (#position, #local))
            });
        quote_spanned! {mixed=>
            #pattern => __p::Writer::new(&__SCHEMA, #index, out) #(#writes)* .finish(),
        }
    });
    quote_spanned! {mixed=>
        match self {
            #(#arms)*
        }
    }
}

/// The expression for the position of `self`'s variant in the schema.
fn index(event: &Event<'_>) -> TokenStream {
    let arms = event.variants.iter().enumerate().map(|(i, variant)| {
        let name = &variant.node.ident;
        let index = Literal::usize_unsuffixed(i);
        quote_spanned!(Span::mixed_site()=> Self::#name { .. } => #index)
    });
    quote_spanned! {Span::mixed_site()=>
        match self {
            #(#arms,)*
        }
    }
}

/// `Self::Variant { field: value, … }`, or `Self::Variant` for a unit variant.
pub(super) fn construct(variant: &Variant<'_>, values: &[TokenStream]) -> TokenStream {
    let name = &variant.node.ident;
    if variant.fields.is_empty() && matches!(variant.node.fields, syn::Fields::Unit) {
        return quote_spanned!(Span::mixed_site()=> Self::#name);
    }
    let idents = variant.fields.iter().map(|field| field.ident);
    quote_spanned!(Span::mixed_site()=> Self::#name { #(#idents: #values),* })
}
