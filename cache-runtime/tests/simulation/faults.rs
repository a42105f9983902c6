//! What happens to the world.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::__private::simulation::Direction;
use tokio::time::sleep;

use crate::world::{World, below, between, ms, one_in};
use crate::writer::{write, write_nonsense};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The connections of an instance break. What is on its way is lost.
    Cut,
    /// Nothing reaches the server.
    HoleUp,
    /// Nothing comes from the server.
    HoleDown,
    /// Nothing gets through.
    Hole,
    /// The server forgets the connections, and the instance does not hear of it.
    HalfOpen,
    /// Everything takes longer.
    Delay,
    /// A process is stopped.
    Stop,
    /// The server is stopped.
    Freeze,
    /// The server starts again, with nothing.
    Restart,
    /// The server starts again, with what it had a while ago.
    Snapshot,
    /// A replica takes over, and the connections end.
    FailOver,
    /// A replica takes over, and the connections to the former primary stay.
    Demotion,
    /// In a cluster, slots move to another server, perhaps because theirs has ended.
    Migrate,
    /// What is pushed to an instance gets lost, on a connection that stays open.
    Deaf,
    /// The primary is separated from its replicas, and perhaps one of them takes over.
    Split,
    /// A program of another version changes a row, and its event is not understood.
    Nonsense,
    /// Many writes at once.
    Burst,
    /// The list of instances is deleted.
    ListDeleted,
    /// The server does not write the list of instances.
    ListRefused,
}

impl Fault {
    pub(crate) const ALL: [Self; 19] = [
        Self::Cut,
        Self::HoleUp,
        Self::HoleDown,
        Self::Hole,
        Self::HalfOpen,
        Self::Delay,
        Self::Stop,
        Self::Freeze,
        Self::Restart,
        Self::Snapshot,
        Self::FailOver,
        Self::Demotion,
        Self::Migrate,
        Self::Deaf,
        Self::Split,
        Self::Nonsense,
        Self::Burst,
        Self::ListDeleted,
        Self::ListRefused,
    ];
}

/// Strikes until the world is calm. Faults may overlap.
pub(crate) async fn strike_on(world: Arc<World>) {
    loop {
        sleep(between(ms(1), world.plan.fault_gap)).await;
        if world.is_calm() || world.plan.faults.is_empty() {
            return;
        }
        let fault = world.plan.faults[below(world.plan.faults.len())];
        world.count(|run| *run.faults.entry(fault).or_default() += 1);
        tokio::spawn(strike(Arc::clone(&world), fault));
    }
}

async fn strike(world: Arc<World>, fault: Fault) {
    let network = &world.network;
    let host = below(world.instances.len());
    let lasting = between(ms(1), world.plan.fault);
    world.trace(|| format!("{fault:?}: instance {host}, for {lasting:?}"));
    match fault {
        Fault::Cut => network.cut(host),
        Fault::HoleUp => hole(&world, host, &[Direction::Up], lasting).await,
        Fault::HoleDown => hole(&world, host, &[Direction::Down], lasting).await,
        Fault::Hole => hole(&world, host, &[Direction::Up, Direction::Down], lasting).await,
        Fault::HalfOpen => network.forget(host),
        Fault::Delay => {
            network.delay(host, between(ms(0), world.plan.lease / 2));
            sleep(lasting).await;
            // A lease that was proven late must not last longer for that.
            if one_in(2) {
                hole(
                    &world,
                    host,
                    &[Direction::Up, Direction::Down],
                    world.plan.lease,
                )
                .await;
            }
            network.delay(host, Duration::ZERO);
        }
        Fault::Stop => {
            let process = &world.instances[host].process;
            process.stop();
            sleep(lasting).await;
            process.go_on();
        }
        Fault::Freeze => {
            network.freeze();
            sleep(lasting).await;
            network.thaw();
        }
        Fault::Restart | Fault::Snapshot => {
            if one_in(2) {
                network.save();
                sleep(between(ms(1), world.plan.lease * 2)).await;
            }
            network.kill();
            sleep(lasting / 4).await;
            network.start(fault == Fault::Snapshot);
        }
        // Two fail-overs between two heartbeats would bring the first primary back unnoticed.
        Fault::FailOver => network.fail_over(true, world.plan.heartbeat * 2),
        Fault::Demotion => network.fail_over(false, world.plan.heartbeat * 2),
        Fault::Migrate => {
            let dies = one_in(4);
            network.migrate(dies);
            if dies {
                sleep(lasting).await;
                network.start(false);
            }
        }
        Fault::Deaf => {
            // So long that canaries get lost, too: otherwise nobody could notice.
            network.deafen(host);
            sleep(lasting.max(world.plan.heartbeat * 3)).await;
            network.hear(host);
        }
        Fault::Split => {
            network.split(true);
            if one_in(2) {
                network.fail_over(false, world.plan.heartbeat * 2);
            }
            sleep(lasting).await;
            network.split(false);
        }
        Fault::Nonsense => write_nonsense(&world, &world.instances[host]).await,
        Fault::Burst => {
            for _ in 0..100 {
                let (world, keys) = (Arc::clone(&world), world.some_keys());
                let process = world.instances[host].process.clone();
                process.spawn(async move { write(&world, &world.instances[host], keys).await });
            }
        }
        Fault::ListDeleted => {
            if one_in(2) {
                network.forget(host);
            }
            network.delete_list();
        }
        Fault::ListRefused => {
            network.allow_list(false);
            sleep(lasting / 2).await;
            if one_in(2) {
                // It serves on, and is on no list.
                network.forget(host);
            }
            if one_in(2) {
                sleep(lasting / 2).await;
            }
            network.allow_list(true);
            if one_in(2) {
                // Who has just come has not heard of it.
                network.cut(below(world.instances.len()));
            }
        }
    }
    world.trace(|| format!("{fault:?} is over"));
}

async fn hole(world: &World, host: usize, directions: &[Direction], lasting: Duration) {
    for direction in directions {
        world.network.hold(host, *direction);
    }
    sleep(lasting).await;
    // What has waited arrives, or the connection breaks.
    if one_in(2) {
        world.network.cut(host);
    }
    for direction in directions {
        world.network.release(host, *direction);
    }
}

/// Ends every fault.
pub(crate) fn heal(world: &World) {
    let network = &world.network;
    network.start(false);
    network.thaw();
    network.allow_list(true);
    network.split(false);
    for (host, instance) in world.instances.iter().enumerate() {
        instance.process.go_on();
        network.delay(host, Duration::ZERO);
        network.release(host, Direction::Up);
        network.release(host, Direction::Down);
    }
}
