//! The rules that look at more than one attribute. Each is one function, and reports all it finds.

pub(crate) mod event;
pub(crate) mod service;
