//! The input, as the rules and the expansion see it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, DataEnum, DataStruct, DeriveInput, Path, Type};

use crate::attr::Name;
use crate::attr::event::{EnumAttrs, FieldAttrs, VariantAttrs};
use crate::attr::service::{Channel, ServiceAttrs};
use crate::case::{Case, method_name};
use crate::ctxt::Ctxt;
use crate::types;

/// An event enum.
pub(crate) struct Event<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) tag: Name,
    pub(crate) krate: TokenStream,
    pub(crate) variants: Vec<Variant<'a>>,
}

pub(crate) struct Variant<'a> {
    pub(crate) node: &'a syn::Variant,
    pub(crate) wire: Name,
    /// The name of the method that publishes the variant. It has the span of the value of the key
    /// `method`, or else of the variant.
    pub(crate) method: Ident,
    /// Whether the key `method` gave the name.
    pub(crate) names_method: bool,
    /// The key `all`.
    pub(crate) all: Option<Ident>,
    /// The named fields; unnamed ones are reported by the rules.
    pub(crate) fields: Vec<Field<'a>>,
}

pub(crate) struct Field<'a> {
    pub(crate) node: &'a syn::Field,
    pub(crate) ident: &'a Ident,
    pub(crate) wire: Name,
    /// The key `non_empty`.
    pub(crate) non_empty: Option<Ident>,
    /// The key `as_string`.
    pub(crate) as_string: Option<Ident>,
}

impl<'a> Event<'a> {
    pub(crate) fn new(cx: &Ctxt, input: &'a DeriveInput, data: &'a DataEnum) -> Self {
        let attrs = EnumAttrs::parse(cx, &input.attrs);
        let variants = data.variants.iter();
        Self {
            input,
            tag: attrs.tag.unwrap_or_else(|| Name {
                text: "type".to_owned(),
                at: input.ident.to_token_stream(),
            }),
            krate: runtime(attrs.krate.as_ref()),
            variants: variants
                .map(|node| Variant::new(cx, input, attrs.variant_case, attrs.field_case, node))
                .collect(),
        }
    }

    /// Every attribute of the enum, its variants and their fields.
    pub(crate) fn attrs(&self) -> impl Iterator<Item = &'a Attribute> {
        let input = self.input;
        let variants = self.variants.iter().map(|variant| variant.node);
        input.attrs.iter().chain(variants.flat_map(|variant| {
            let fields = variant.fields.iter().flat_map(|field| &field.attrs);
            variant.attrs.iter().chain(fields)
        }))
    }
}

impl<'a> Variant<'a> {
    fn new(
        cx: &Ctxt,
        input: &'a DeriveInput,
        variant_case: Case,
        field_case: Case,
        node: &'a syn::Variant,
    ) -> Self {
        let attrs = VariantAttrs::parse(cx, &node.attrs, &input.ident);
        let name = node.ident.unraw().to_string();
        let names_method = attrs.method.is_some();
        let method = attrs.method.unwrap_or_else(|| {
            Ident::new(
                &format!("invalidate_{}", method_name(&name)),
                node.ident.span(),
            )
        });
        let named = node.fields.iter().filter_map(|field| {
            let ident = field.ident.as_ref()?;
            Some(Field::new(cx, input, field_case, field, ident))
        });
        Self {
            node,
            wire: attrs.rename.unwrap_or_else(|| Name {
                text: variant_case.of_variant(&name),
                at: node.ident.to_token_stream(),
            }),
            method,
            names_method,
            all: attrs.all,
            fields: named.collect(),
        }
    }

    /// Whether the variant has no fields, named or unnamed.
    pub(crate) fn is_empty(&self) -> bool {
        self.node.fields.is_empty()
    }
}

impl<'a> Field<'a> {
    fn new(
        cx: &Ctxt,
        input: &DeriveInput,
        field_case: Case,
        node: &'a syn::Field,
        ident: &'a Ident,
    ) -> Self {
        let attrs = FieldAttrs::parse(cx, &node.attrs, &input.ident);
        Self {
            node,
            ident,
            wire: attrs.rename.unwrap_or_else(|| Name {
                text: field_case.of_field(&ident.unraw().to_string()),
                at: ident.to_token_stream(),
            }),
            non_empty: attrs.non_empty,
            as_string: attrs.as_string,
        }
    }
}

/// A service struct.
pub(crate) struct Service<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) data: &'a DataStruct,
    pub(crate) attrs: ServiceAttrs,
    /// Every field of type `Invalidator<Event>`, with the type `Event`.
    pub(crate) invalidators: Vec<(&'a syn::Field, &'a Type)>,
}

impl<'a> Service<'a> {
    pub(crate) fn new(
        cx: &Ctxt,
        args: &TokenStream,
        input: &'a DeriveInput,
        data: &'a DataStruct,
    ) -> Self {
        let invalidators = data.fields.iter();
        Self {
            input,
            data,
            attrs: ServiceAttrs::parse(cx, args),
            invalidators: invalidators
                .filter_map(|field| Some((field, types::invalidator(&field.ty)?)))
                .collect(),
        }
    }

    pub(crate) fn channel(&self) -> Option<&Channel> {
        self.attrs.channel.as_ref()?.1.as_ref()
    }

    /// The type of the events: from the key `event`, or else from the `Invalidator` field.
    pub(crate) fn event(&self) -> Option<&Type> {
        match &self.attrs.event {
            Some((_, event)) => event.as_ref(),
            None => self.invalidators.first().map(|(_, event)| *event),
        }
    }

    /// The fields that are parameters of the constructor: all but `Invalidator` fields.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'a syn::Field> {
        let fields = self.data.fields.iter();
        fields.filter(|field| types::invalidator(&field.ty).is_none())
    }

    pub(crate) fn krate(&self) -> TokenStream {
        runtime(self.attrs.krate.as_ref())
    }

    /// The name of the constructor. The default `new` has the span of the key `channel`, where
    /// rustc then reports a clash with a method of the user's.
    pub(crate) fn constructor(&self) -> Ident {
        self.attrs.constructor.clone().unwrap_or_else(|| {
            let at = self.attrs.channel.as_ref();
            let span = at.map_or_else(Span::call_site, |(key, _)| key.span());
            format_ident!("new", span = span)
        })
    }
}

/// The `#[cfg(..)]` of a field, and what its `#[cfg_attr(..)]` add to them. The constructor repeats
/// them, because an attribute macro runs before the compiler evaluates them.
pub(crate) fn cfg(field: &syn::Field) -> impl Iterator<Item = TokenStream> {
    field.attrs.iter().filter_map(|attr| {
        let meta = attr.meta.to_token_stream().into_iter().collect();
        let condition = condition(meta)?;
        Some(quote_spanned!(Span::mixed_site()=> #[#condition]))
    })
}

/// A `cfg(..)` as it is, and a `cfg_attr(.., ..)` without what is no condition. `None` if nothing is
/// left.
fn condition(meta: Vec<TokenTree>) -> Option<TokenStream> {
    let [TokenTree::Ident(name), TokenTree::Group(arguments)] = &meta[..] else {
        return None;
    };
    if name == "cfg" {
        return Some(meta.into_iter().collect());
    }
    if name != "cfg_attr" {
        return None;
    }
    let arguments: Vec<_> = arguments.stream().into_iter().collect();
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',');
    let mut arguments = arguments.split(is_comma);
    let predicate: TokenStream = arguments.next()?.iter().cloned().collect();
    let conditions: Vec<_> = arguments
        .filter_map(|attr| condition(attr.to_vec()))
        .collect();
    (!conditions.is_empty())
        .then(|| quote_spanned!(Span::mixed_site()=> #name(#predicate, #(#conditions),*)))
}

/// The runtime's path.
fn runtime(path: Option<&Path>) -> TokenStream {
    path.map_or_else(
        || quote_spanned!(Span::mixed_site()=> ::cache_runtime),
        ToTokens::to_token_stream,
    )
}
