//! Collects errors, so that everything wrong with an item is reported in one compile.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

/// Has to be asked for its errors with [`check`](Self::check), or panics.
pub(crate) struct Ctxt {
    errors: RefCell<Option<Vec<Error>>>,
}

impl Ctxt {
    pub(crate) fn new() -> Self {
        Self {
            errors: RefCell::new(Some(Vec::new())),
        }
    }

    /// Says at `at` what is wrong, and what to type instead.
    pub(crate) fn error(&self, at: impl ToTokens, msg: impl Display, help: impl Display) {
        self.push(Error::new_spanned(at, text(&msg, &help)));
    }

    /// As [`error`](Self::error), where the user wrote no token that could be pointed at.
    pub(crate) fn error_at_call_site(&self, msg: impl Display, help: impl Display) {
        let span = proc_macro2::Span::call_site();
        self.push(Error::new(span, text(&msg, &help)));
    }

    /// Points at the other place that an error is about.
    pub(crate) fn note(&self, at: impl ToTokens, msg: impl Display) {
        self.push(Error::new_spanned(at, msg));
    }

    /// An error of the parser.
    pub(crate) fn push(&self, error: Error) {
        if let Some(errors) = self.errors.borrow_mut().as_mut() {
            errors.push(error);
        }
    }

    /// Everything that was reported, or nothing.
    pub(crate) fn check(self) -> Result<(), Errors> {
        let errors = self.errors.take().unwrap_or_default();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Errors(errors))
        }
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

/// The second line is aligned by rustc and reads like one of its own.
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
