//! From valid input to tokens. Nothing here can fail.

mod docs;
pub(crate) mod event;
pub(crate) mod methods;
pub(crate) mod service;

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Attribute;

/// Lets the expansion use deprecated items of the user without a warning.
fn allow_deprecated<'a>(mut attrs: impl Iterator<Item = &'a Attribute>) -> Option<TokenStream> {
    let any = attrs.any(|attr| attr.path().is_ident("deprecated"));
    any.then(|| quote_spanned!(Span::mixed_site()=> #[allow(deprecated)]))
}

/// Silences the lint that fires above seven parameters, of which `self` or the bus is one. The user
/// chose the number of fields.
fn allow_arguments(fields: usize) -> Option<TokenStream> {
    let many = fields >= 7;
    many.then(|| quote_spanned!(Span::mixed_site()=> #[allow(clippy::too_many_arguments)]))
}
