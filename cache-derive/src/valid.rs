//! The rules for the whole input, beyond the syntax of one attribute. Each rule is one function,
//! and reports every violation that it finds.

pub(crate) mod event;
pub(crate) mod service;
