//! What operators see: metrics through both exporters, spans, and the names in log lines.
//!
//! An exporter exports everything of the process, with all tests that run at the same time. So each
//! test has names of its own.

mod collector;
mod docs;
mod otel;
mod prometheus;
mod spans;
mod world;
