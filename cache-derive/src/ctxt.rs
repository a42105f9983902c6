//! Collects errors, so that one compile reports everything that is wrong with an item.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

/// The errors of one macro call. Panics when dropped before [`check`](Self::check) or
/// [`errors`](Self::errors), so that no error is lost.
pub(crate) struct Ctxt {
    errors: RefCell<Option<Vec<Error>>>,
}

impl Ctxt {
    pub(crate) fn new() -> Self {
        Self {
            errors: RefCell::new(Some(Vec::new())),
        }
    }

    /// Reports at `at` what is wrong and what to write instead.
    pub(crate) fn error(&self, at: impl ToTokens, msg: impl Display, help: impl Display) {
        self.push(Error::new_spanned(at, text(&msg, &help)));
    }

    /// As [`error`](Self::error), for an error without a token to point at.
    pub(crate) fn error_at_call_site(&self, msg: impl Display, help: impl Display) {
        let span = proc_macro2::Span::call_site();
        self.push(Error::new(span, text(&msg, &help)));
    }

    /// Reports the other place that an error concerns. It is an error of its own, because a macro
    /// cannot emit a note on stable Rust.
    pub(crate) fn note(&self, at: impl ToTokens, msg: impl Display) {
        self.push(Error::new_spanned(at, msg));
    }

    /// Records an error, for example one of the parser.
    pub(crate) fn push(&self, error: Error) {
        if let Some(errors) = self.errors.borrow_mut().as_mut() {
            errors.push(error);
        }
    }

    /// Returns `valid` if nothing was reported, and every error otherwise.
    pub(crate) fn check<T>(self, valid: Option<T>) -> Result<T, Errors> {
        match valid {
            Some(valid) if self.errors.borrow().as_ref().is_some_and(Vec::is_empty) => {
                self.errors.take();
                Ok(valid)
            }
            _ => Err(self.errors()),
        }
    }

    /// Returns every error.
    ///
    /// # Panics
    ///
    /// If nothing was reported.
    pub(crate) fn errors(self) -> Errors {
        let errors = self.errors.take().unwrap_or_default();
        assert!(!errors.is_empty(), "rejected without an error");
        Errors(errors)
    }
}

impl Drop for Ctxt {
    fn drop(&mut self) {
        let checked = self.errors.get_mut().is_none();
        assert!(
            checked || std::thread::panicking(),
            "errors were not checked"
        );
    }
}

/// rustc aligns the second line, so that it looks like a help line of rustc.
fn text(msg: &dyn Display, help: &dyn Display) -> String {
    format!("{msg}\nhelp: {help}")
}

/// At least one error; as tokens, a `compile_error!` for each.
pub(crate) struct Errors(Vec<Error>);

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for error in &self.0 {
            tokens.extend(error.to_compile_error());
        }
    }
}
