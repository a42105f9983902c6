//! What operators ask: can this server be used, who else is there, and what goes over a channel?
//!
//! [`Bus::doctor`](crate::Bus::doctor) tries what the library needs, step by step, on connections of
//! its own, and says what it found and how long it took. [`Bus::tail`](crate::Bus::tail) reads what
//! goes over channels, and says which event it is where a service of the program declares the channel.
//!
//! Neither publishes an event, so no cache is evicted.
//!
//! ```
//! # use cache_runtime::Bus;
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let bus = Bus::in_process(); // or Bus::redis("redis://127.0.0.1").connect_lazy()?
//! let diagnosis = bus.doctor().await;
//! println!("{diagnosis}");
//! assert!(diagnosis.is_well());
//! # }
//! ```
//!
//! The program `cache-runtime` does both from a shell; the feature `cli` builds it.

mod checks;
mod diagnosis;
mod instances;
mod json;
mod tail;

pub use diagnosis::{Check, Diagnosis, Instance, Outcome};
#[cfg(feature = "cli")]
pub(crate) use tail::verdict;
pub use tail::{Heard, Message, Tail, Verdict};
