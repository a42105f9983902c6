//! The metrics of this crate: which there are, and their values at one moment.

pub(crate) mod instruments;
mod samples;

pub(crate) use samples::{Attribute, Of, Samples, Value};
