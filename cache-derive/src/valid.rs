//! The rules that concern more than one attribute. Each is one function and reports all that it finds.

pub(crate) mod event;
pub(crate) mod service;
