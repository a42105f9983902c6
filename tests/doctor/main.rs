//! Diagnoses and tails, by the library and by the program, over real servers.

mod cli;
mod diagnoses;
mod fixture;
mod tails;
