//! Where servers are found, and what becomes of a bus when the primary is another one.

mod credentials;
mod database;
mod fixture;
mod front;
mod ipv6;
mod sentinels;
mod several;
mod tls;
mod tls_sets;
