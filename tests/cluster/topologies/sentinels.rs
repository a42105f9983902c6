//! Sentinels replace the primary: it was killed, is frozen and wakes up as a primary, or is told to
//! step down.

use std::time::Duration;

use support::{SentinelSet, in_turn, role};

use super::READS;
use crate::place::Place;
use crate::reader;
use crate::run::{Run, duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Planned,
    Frozen,
    Killed,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_too_old_while_primaries_are_replaced() {
    if role().is_some() {
        return reader::play().await;
    }
    let mut run =
        Run::new("topologies::sentinels::no_read_is_too_old_while_primaries_are_replaced");
    let mut set = SentinelSet::start().await;
    let place = Place::at(set.url());
    run.start(&[("reader", &place)], &place, READS).await;
    let faults = [Fault::Planned, Fault::Frozen, Fault::Killed];
    let caused = in_turn(faults, duration(Duration::ZERO), async |fault| {
        let primary = set.is_whole().await;
        run.calm().await;
        run.step(format_args!("server {primary} is the primary"));
        run.fault(fault);
        match fault {
            Fault::Planned => set.fail_over().await,
            Fault::Frozen => set.servers[primary].freeze(),
            Fault::Killed => set.servers[primary].kill9(),
        }
        let new = set.failed_over_from(primary).await;
        run.step(format_args!("server {new} is the primary"));
        match fault {
            Fault::Planned => {}
            Fault::Frozen => set.servers[primary].thaw(),
            Fault::Killed => set.servers[primary].restart().await,
        }
        // Until then, it takes itself for a primary too.
        run.live().await;
        set.rejoin(primary).await;
    })
    .await;
    run.end_of_losses(&caused).await;
}
