//! The page of the audit: its responses, and what a browser makes of them.

mod browser;
mod responses;
mod site;
