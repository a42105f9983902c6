//! The bus over a real server: one file per scenario, one server per test.

mod acl;
mod away;
mod batches;
mod black_hole;
mod close;
mod confirmed;
mod connections;
mod credentials;
mod delivery;
mod fixture;
mod freeze;
mod kill;
mod many_channels;
mod moved;
mod nearby;
mod overflow;
mod primary;
mod refused;
mod rejected;
mod restart;
mod runtimes;
mod subscriptions;
mod torture;
