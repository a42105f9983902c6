//! A balancer moves one connection at a time to another server, while two instances read and write.
//!
//! A read is stale if it finds an older version than was applied on its instance before it began,
//! or than the first server had acknowledged when everything was evicted there. It also is if the
//! server acknowledged a newer one a lease before it began: a canary that comes back proves that
//! what was published before it has arrived.

use std::cell::Cell;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::scope;

use support::{Server, eventually};

use crate::database::{Acknowledged, Database};
use crate::instance::Instance;
use crate::{GROUPS, Kind, PAUSE, one_worker, random};

/// A run lasts until each of its troubles had its effect so many times.
const TIMES: u64 = 3;
/// The ends of the names of an instance's connections.
const EVENTS: &str = ":events";
const PUBLISH: &str = ":publish";
const VALUES: &str = ":values";

#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// The connections whose name ends like this are moved.
    Move(&'static str),
    /// The connection for events is moved and at once moved back. The server is the right one, and
    /// does not know of the subscriptions.
    ThereAndBack,
}

/// The ports of both servers.
#[derive(Clone, Copy)]
struct Ports {
    first: u16,
    second: u16,
}

impl Trouble {
    /// Makes trouble until the instance notices, and waits until it has recovered. New connections
    /// lead to the first server. Returns whether the trouble had its effect: the connections may
    /// also have been replaced for another reason.
    async fn make(self, instance: &Instance, ports: Ports, turn: &AtomicUsize) -> bool {
        instance.live().await;
        let relay = &instance.relay;
        let (moved, mismatches) = (relay.moved(), instance.mismatches());
        let flushes = instance.flushes();
        // Again and again, because a connection may not be open yet, and another of its name may
        // not be closed yet.
        let noticed = async || {
            let noticed = instance.flushes() > flushes;
            match self {
                _ if noticed => {}
                Self::Move(name) => relay.move_connections(name, ports.second),
                Self::ThereAndBack => {
                    relay.move_connections(EVENTS, ports.second);
                    relay.move_connections(EVENTS, ports.first);
                }
            }
            noticed
        };
        eventually("the move to be noticed", noticed, |noticed| *noticed).await;
        // The rows whose events were lost are left alone for a while, so that an old entry is found.
        turn.fetch_add(1, Ordering::Relaxed);
        instance.live().await;
        match self {
            Self::Move(_) => instance.mismatches() > mismatches,
            Self::ThereAndBack => relay.moved() > moved,
        }
    }
}

/// Ends a run, also after a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn run(inner: Kind, troubles: &[Trouble]) {
    let runtime = one_worker();
    let database = Arc::<Database>::default();
    let acknowledged = Arc::<Acknowledged>::default();
    let (first, second, instances) = runtime.block_on(async {
        let (first, second) = (Server::start().await, Server::start().await);
        let instances = [
            Instance::start(&first, inner, &database, &acknowledged).await,
            Instance::start(&first, inner, &database, &acknowledged).await,
        ];
        (first, second, instances)
    });
    let ports = Ports {
        first: first.port(),
        second: second.port(),
    };
    let (stop, turn) = (AtomicBool::new(false), AtomicUsize::new(0));
    let runs = || !stop.load(Ordering::Relaxed);
    let effects = scope(|threads| {
        for (number, instance) in instances.iter().enumerate() {
            let (handle, turn) = (runtime.handle(), &turn);
            threads.spawn(move || {
                let state = Cell::new(1 + number);
                while runs() {
                    instance.read(&state);
                }
            });
            threads.spawn(move || {
                let state = Cell::new(11 + number);
                while runs() {
                    // No instance evicts what the other has changed.
                    let group = (2 * number + turn.load(Ordering::Relaxed)) % GROUPS;
                    handle.block_on(instance.write(group, &state));
                    for _ in 0..random(&state) % PAUSE {
                        instance.read(&state);
                    }
                }
            });
        }
        let _stop = Stop(&stop);
        let (state, mut effects) = (Cell::new(21), vec![0; troubles.len()]);
        let lost = || database.lost.load(Ordering::Relaxed);
        loop {
            let mut pending: Vec<_> = (0..effects.len()).collect();
            pending.retain(|trouble| effects[*trouble] < TIMES);
            if pending.is_empty() {
                if lost() >= TIMES {
                    break;
                }
                pending.extend(0..effects.len());
            }
            let trouble = pending[random(&state) % pending.len()];
            let instance = &instances[random(&state) % instances.len()];
            let made = troubles[trouble].make(instance, ports, &turn);
            effects[trouble] += u64::from(runtime.block_on(made));
        }
        effects
    });
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let [stale, reads, writes, lost] = [
        get(&database.stale),
        get(&database.reads),
        get(&database.writes),
        get(&database.lost),
    ];
    let line = format!(
        "stress: over {inner:?}, {effects:?} times {troubles:?}: {stale} stale of {reads} reads, \
         {writes} writes, {lost} rows missed\n"
    );
    let _ = stdout().write_all(line.as_bytes());
    assert_eq!(stale, 0, "over {inner:?}");
    let version = runtime.block_on(async {
        for instance in &instances {
            instance.live().await;
        }
        instances[0].write_everything(&instances).await
    });
    assert!(instances.iter().all(|instance| instance.has(version)));
}

#[test]
fn no_read_is_stale_while_a_balancer_moves_connections() {
    use Trouble::{Move, ThereAndBack};
    run(
        Kind::Memory,
        &[Move(EVENTS), Move(PUBLISH), Move(VALUES), ThereAndBack],
    );
    // Until the move of the connection for publishing is noticed, what a cache in Redis deletes and
    // what it reads are on different servers.
    for inner in [Kind::Redis, Kind::RedisAndMemory] {
        run(inner, &[Move(EVENTS), Move(VALUES), ThereAndBack]);
    }
}
