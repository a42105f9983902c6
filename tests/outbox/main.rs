//! Events that the server does not take at once: none is lost.

mod changes;
mod closing;
mod delivery;
mod fixture;
mod limits;
mod log;
