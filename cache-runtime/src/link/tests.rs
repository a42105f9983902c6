//! One test for each rule of the protocol. The simulator (`tests/sim`) tries their combinations.

mod busy_loop;
mod canaries;
mod connecting;
mod fixture;
mod gapless;
mod losses;
mod reconnecting;
mod refusals;
mod rejections;
mod servers;
mod unsubscribing;
