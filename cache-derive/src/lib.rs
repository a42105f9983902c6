//! The macros of `cache-runtime`, which re-exports them: depend on that crate alone.

mod ast;
mod attr;
mod case;
mod ctxt;
mod derive;
mod expand;
mod fallback;
mod json;
mod suggest;
#[cfg(test)]
mod tests;
mod types;
mod valid;

use proc_macro::TokenStream;

#[doc = include_str!("invalidation_event.md")]
#[proc_macro_derive(InvalidationEvent, attributes(invalidation))]
pub fn derive_invalidation_event(input: TokenStream) -> TokenStream {
    derive::event(input.into()).into()
}

#[doc = include_str!("cache_invalidation.md")]
#[proc_macro_attribute]
pub fn cache_invalidation(args: TokenStream, item: TokenStream) -> TokenStream {
    derive::service(&args.into(), &item.into()).into()
}
