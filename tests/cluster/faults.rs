//! What goes wrong, in turn.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use support::{Direction, Proxy, Server};
use tokio::time::sleep;

use crate::caches::{LEASE, SERVE_FOR};
use crate::reader::Reader;

/// Between two faults, so that most find everybody live and with something cached.
const CALM: Duration = Duration::from_millis(300);

/// Not long enough for anybody to notice.
const HICCUP: Duration = Duration::from_millis(150);

/// Longer than anything is served without events.
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

/// Everything that can go wrong.
#[derive(Debug)]
pub(crate) struct Victims<'a> {
    pub(crate) server: &'a mut Server,
    /// To the server.
    pub(crate) proxy: &'a Proxy,
    pub(crate) readers: &'a [Reader],
}

/// Goes through all faults once, and on and on until so much time has passed; how often each was
/// caused.
pub(crate) async fn run(victims: &mut Victims<'_>, duration: Duration) -> BTreeMap<Fault, usize> {
    let mut counts = BTreeMap::new();
    let begun = Instant::now();
    for (number, fault) in ALL.into_iter().cycle().enumerate() {
        // However slow the machine is, nothing is left out.
        if number >= ALL.len() && begun.elapsed() >= duration {
            break;
        }
        sleep(CALM).await;
        cause(fault, victims).await;
        *counts.entry(fault).or_default() += 1;
    }
    counts
}

async fn cause(fault: Fault, victims: &mut Victims<'_>) {
    let Victims {
        server,
        proxy,
        readers,
    } = victims;
    match fault {
        Fault::KillSubscribers => {
            server.admin().await.kill_clients("pubsub").await;
        }
        Fault::KillPublishers => {
            server.admin().await.kill_clients("normal").await;
        }
        Fault::Hiccup => freeze(server, HICCUP).await,
        Fault::Freeze => freeze(server, OUTAGE).await,
        Fault::Restart => {
            server.kill9();
            sleep(HICCUP).await;
            server.restart().await;
        }
        Fault::Cut => proxy.cut(),
        Fault::BlackHole => black_hole(proxy, Direction::Both, sleep(OUTAGE)).await,
        Fault::BlackHoleToServer => black_hole(proxy, Direction::ToServer, sleep(OUTAGE)).await,
        Fault::BlackHoleToClient => black_hole(proxy, Direction::ToClient, sleep(OUTAGE)).await,
        Fault::PauseReaders => pause(readers, OUTAGE).await,
        Fault::PauseBriefly => pause(readers, HICCUP).await,
        Fault::PauseInBlackHole => {
            let paused = async {
                // Whoever is behind the proxy has noticed.
                sleep(LEASE + HICCUP).await;
                pause(readers, OUTAGE).await;
                sleep(HICCUP).await;
            };
            black_hole(proxy, Direction::Both, paused).await;
        }
    }
}

async fn freeze(server: &Server, duration: Duration) {
    server.freeze();
    sleep(duration).await;
    server.thaw();
}

async fn black_hole(proxy: &Proxy, direction: Direction, meanwhile: impl Future<Output = ()>) {
    proxy.black_hole(direction);
    meanwhile.await;
    proxy.heal();
}

/// Stops the processes that read, while others publish.
async fn pause(readers: &[Reader], duration: Duration) {
    readers.iter().for_each(Reader::freeze);
    sleep(duration).await;
    readers.iter().for_each(Reader::thaw);
}
