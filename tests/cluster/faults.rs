//! The faults, caused in turn.

use std::collections::BTreeMap;
use std::time::Duration;

use support::{Direction, Proxy, Server, in_turn};
use tokio::time::sleep;

use crate::caches::{LEASE, SERVE_FOR};
use crate::reader::Reader;
use crate::run::Run;

/// The time between two faults, long enough for most caches to be live and filled again.
const CALM: Duration = Duration::from_millis(300);

/// Too short to be noticed.
const HICCUP: Duration = Duration::from_millis(150);

/// Longer than a cache serves without events, except until its TTL.
const OUTAGE: Duration = LEASE.saturating_add(SERVE_FOR).saturating_add(HICCUP);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillSubscribers,
    KillPublishers,
    Hiccup,
    Freeze,
    Restart,
    Cut,
    BlackHole,
    BlackHoleToServer,
    BlackHoleToClient,
    PauseReaders,
    PauseBriefly,
    PauseInBlackHole,
}

const ALL: [Fault; 12] = [
    Fault::KillSubscribers,
    Fault::BlackHoleToClient,
    Fault::Restart,
    Fault::PauseReaders,
    Fault::Cut,
    Fault::BlackHole,
    Fault::Freeze,
    Fault::PauseInBlackHole,
    Fault::KillPublishers,
    Fault::BlackHoleToServer,
    Fault::Hiccup,
    Fault::PauseBriefly,
];

/// What the faults act on.
#[derive(Debug)]
pub(crate) struct Victims<'a> {
    pub(crate) server: &'a mut Server,
    /// To the server.
    pub(crate) proxy: &'a Proxy,
    pub(crate) run: &'a mut Run,
}

/// Causes every fault at least once, until `duration` has passed; returns how often each was caused.
pub(crate) async fn run(victims: &mut Victims<'_>, duration: Duration) -> BTreeMap<Fault, usize> {
    in_turn(ALL, duration, async |fault| {
        sleep(CALM).await;
        victims.run.fault(fault);
        cause(fault, victims).await;
    })
    .await
}

async fn cause(fault: Fault, victims: &mut Victims<'_>) {
    let Victims { server, proxy, run } = victims;
    let readers = &*run.readers;
    let silence = async |direction| {
        proxy.black_hole_during(direction, sleep(OUTAGE)).await;
    };
    match fault {
        Fault::KillSubscribers => {
            server.admin().await.kill_clients("pubsub").await;
        }
        Fault::KillPublishers => {
            server.admin().await.kill_clients("normal").await;
        }
        Fault::Hiccup => server.freeze_for(HICCUP).await,
        Fault::Freeze => server.freeze_for(OUTAGE).await,
        Fault::Restart => {
            server.kill9();
            sleep(HICCUP).await;
            server.restart().await;
        }
        Fault::Cut => proxy.cut(),
        Fault::BlackHole => silence(Direction::Both).await,
        Fault::BlackHoleToServer => silence(Direction::ToServer).await,
        Fault::BlackHoleToClient => silence(Direction::ToClient).await,
        Fault::PauseReaders => pause(readers, OUTAGE).await,
        Fault::PauseBriefly => pause(readers, HICCUP).await,
        Fault::PauseInBlackHole => {
            let paused = async {
                // The reader behind the proxy has noticed by now.
                sleep(LEASE + HICCUP).await;
                pause(readers, OUTAGE).await;
                sleep(HICCUP).await;
            };
            proxy.black_hole_during(Direction::Both, paused).await;
        }
    }
}

/// Stops the processes that read, while the writer goes on.
async fn pause(readers: &[Reader], duration: Duration) {
    readers.iter().for_each(Reader::freeze);
    sleep(duration).await;
    readers.iter().for_each(Reader::thaw);
}
