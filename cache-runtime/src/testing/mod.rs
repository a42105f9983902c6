//! What tests of a program need: outages, one clock, a barrier, and a recorder of events.
//!
//! The feature `testing` is for tests. A program that does without it pays nothing for it:
//!
//! ```toml
//! [dev-dependencies]
//! cache-runtime = { version = "0.1", features = ["testing"] }
//! ```
//!
//! | to | use |
//! |---|---|
//! | test a service without a server | [`Bus::in_process`](crate::Bus::in_process), and [`another_instance`](crate::Bus::another_instance) as another process |
//! | cut an instance off, as if Redis were lost | [`Network`] |
//! | let time pass without waiting: TTLs, leases, heartbeats | [`BusBuilder::clock`](crate::bus::BusBuilder::clock), also with Tokio's paused time |
//! | wait until an event is applied and handled | [`settled`] |
//! | assert on what a service publishes | [`Recorder`] |
//! | assert on what an `evict` function returns | [`Evict::evicts`](crate::Evict::evicts), [`is_all`](crate::Evict::is_all), [`is_nothing`](crate::Evict::is_nothing), and `assert_eq!` |
//!
//! # Examples
//!
//! A service with a cache, and its tests:
//!
//! ```
//! use std::time::Duration;
//!
//! use cache_runtime::testing::{self, Network, Recorder};
//! use cache_runtime::{
//!     BuildError, Bus, CoherentCache, Evict, InvalidationEvent, ManualClock, cache_invalidation,
//! };
//!
//! #[derive(Debug, PartialEq, InvalidationEvent)]
//! enum UserEvent {
//!     User { user_id: u64 },
//!     All,
//! }
//!
//! #[cache_invalidation(channel = "cache:tested-users", event = UserEvent)]
//! struct UserChanges;
//!
//! fn evict(event: &UserEvent) -> Evict<u64> {
//!     match event {
//!         UserEvent::User { user_id } => Evict::key(*user_id),
//!         UserEvent::All => Evict::All,
//!     }
//! }
//!
//! struct Users {
//!     changes: UserChanges,
//!     names: CoherentCache<u64, String>,
//! }
//!
//! impl Users {
//!     fn new(bus: &Bus) -> Result<Self, BuildError> {
//!         let changes = UserChanges::new(bus);
//!         let names = CoherentCache::builder("names", Duration::from_secs(60))
//!             .evict_on(&changes, evict)
//!             .build()?;
//!         Ok(Self { changes, names })
//!     }
//!
//!     async fn name(&self, user_id: u64) -> String {
//!         self.names.get_or_load(&user_id, || async { "Ada".to_owned() }).await
//!     }
//!
//!     async fn rename(&self, user_id: u64) {
//!         // Changes the database, and then:
//!         let _ = self.changes.invalidate_user(user_id).await;
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An event evicts what it is about.
//! assert_eq!(evict(&UserEvent::User { user_id: 7 }), Evict::key(7_u64));
//!
//! // Two instances that share a server and a clock.
//! let clock = ManualClock::new();
//! let bus = Bus::local().clock(&clock).connect().await?;
//! let other_bus = bus.another_instance();
//! let (here, there) = (Users::new(&bus)?, Users::new(&other_bus)?);
//! bus.ready().await?;
//! other_bus.ready().await?;
//!
//! // A change that one publishes evicts from the other.
//! let recorder = Recorder::of(&here.changes);
//! there.name(7).await;
//! here.rename(7).await;
//! recorder.expect([UserEvent::User { user_id: 7 }]);
//! testing::settled(&other_bus).await?;
//! assert!(!there.names.contains(&7));
//!
//! // Entries expire.
//! there.name(7).await;
//! clock.advance(Duration::from_secs(60));
//! assert!(!there.names.contains(&7));
//!
//! // An instance that is cut off serves nothing from its cache, and still answers.
//! let network = Network::of(&other_bus);
//! network.disconnect().await;
//! assert_eq!(there.name(7).await, "Ada");
//! assert!(!there.names.contains(&7));
//! network.reconnect().await;
//! there.name(7).await;
//! assert!(there.names.contains(&7));
//! # Ok(())
//! # }
//! ```

mod evict;
mod network;
mod recorder;
mod settled;

pub use network::Network;
pub use recorder::Recorder;
pub use settled::settled;
