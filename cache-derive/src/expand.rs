//! From checked input to tokens; nothing here can fail.

mod docs;
pub(crate) mod event;
pub(crate) mod methods;
pub(crate) mod service;

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Attribute;

/// Using what the user has deprecated is no mistake of the user's.
fn allow_deprecated<'a>(mut attrs: impl Iterator<Item = &'a Attribute>) -> Option<TokenStream> {
    let any = attrs.any(|attr| attr.path().is_ident("deprecated"));
    any.then(|| quote_spanned!(Span::mixed_site()=> #[allow(deprecated)]))
}

/// The user chose how many fields there are, and clippy has been told of that or not.
fn allow_arguments(fields: usize) -> Option<TokenStream> {
    let many = fields >= 7;
    many.then(|| quote_spanned!(Span::mixed_site()=> #[allow(clippy::too_many_arguments)]))
}
