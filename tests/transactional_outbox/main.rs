//! Events that are committed together with the change: every committed change evicts everywhere, and
//! nothing of one that is rolled back is published, whenever a process is killed.

mod away;
mod database;
mod fixture;
mod kills;
mod notifications;
mod rows;
mod turns;
