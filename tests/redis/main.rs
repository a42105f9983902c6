//! The bus over a real server: one file per scenario, one server per test.

mod acl;
mod black_hole;
mod close;
mod connections;
mod credentials;
mod delivery;
mod fixture;
mod freeze;
mod kill;
mod overflow;
mod rejected;
mod restart;
mod subscriptions;
mod torture;
