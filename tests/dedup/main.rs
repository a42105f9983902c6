//! Deduplication: of equal requests one is handled, whichever instance asks and whatever Redis
//! does.

mod audited;
mod outage;
mod processes;
mod rules;
mod unreadable;

use std::time::Duration;

use cache_runtime::{Bus, Dedup};
use support::Server;

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// A deduplication with the name that all tests use.
pub(crate) fn dedup(bus: &Bus) -> Dedup {
    let builder = Dedup::builder(bus, "requests").ttl(LONG);
    builder.build().expect("the settings are usable")
}

/// A bus, and the server it needs, if any.
pub(crate) struct Backend {
    pub(crate) bus: Bus,
    server: Option<Server>,
}

impl Backend {
    fn in_process() -> Self {
        Self {
            bus: Bus::in_process(),
            server: None,
        }
    }

    async fn redis() -> Self {
        let server = Server::start().await;
        Self {
            bus: connect(&server.url()).await,
            server: Some(server),
        }
    }

    /// Another instance, as if it were in another process.
    pub(crate) async fn another(&self) -> Bus {
        match &self.server {
            None => self.bus.another_instance(),
            Some(server) => connect(&server.url()).await,
        }
    }
}

/// A bus with a short response timeout, 500 ms.
pub(crate) async fn connect(url: &str) -> Bus {
    let builder = Bus::redis(url).response_timeout(Duration::from_millis(500));
    builder.connect().await.expect("the server is running")
}

/// Makes a test of each function for each backend.
macro_rules! both {
    ($($module:ident::$test:ident),* $(,)?) => {
        mod on_the_stand_in {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$module::$test(super::Backend::in_process()).await;
                }
            )*
        }

        mod on_a_server {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$module::$test(super::Backend::redis().await).await;
                }
            )*
        }
    };
}

both![
    rules::the_first_reserves_and_the_others_learn_who_it_was,
    rules::the_same_owner_is_a_duplicate_too,
    rules::it_counts,
    rules::a_reservation_ends_with_its_ttl,
    rules::only_the_owner_releases,
    rules::a_reservation_that_is_not_mine_any_more_stays,
    rules::owners_and_keys_may_be_any_text,
    rules::an_owner_is_not_taken_for_another_with_a_longer_name,
    rules::names_keep_reservations_apart,
    rules::one_of_many_tasks_reserves,
    unreadable::what_is_no_reservation_is_an_error_and_stays,
    unreadable::what_other_programs_reserve_counts,
    outage::a_closed_bus_is_an_error,
    audited::an_audit_lists_it,
];
