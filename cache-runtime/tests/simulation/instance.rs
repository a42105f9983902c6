//! An instance of a service: its bus, two caches with different policies, a snapshot, and a handler that
//! keeps copies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::__private::simulation::{self, Limits, Network, Process};
use cache_runtime::coherent::WhileDown;
use cache_runtime::service::{Invalidator, Subscription};
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, Snapshot, cache_invalidation};
use tokio::time::sleep;

use crate::faults::Fault;
use crate::history::{History, Promise};
use crate::plan::Plan;
use crate::world::{between, ms, one_in};

pub(crate) const CHANNEL: &str = "cache:rows";

#[derive(InvalidationEvent)]
pub(crate) enum RowEvent {
    Row { key: u64 },
    Rows { keys: Vec<u64> },
    All,
}

#[cache_invalidation(channel = "cache:rows", event = RowEvent)]
pub(crate) struct Rows;

/// The same events over another channel, which in a cluster is on another server.
#[cache_invalidation(channel = "cache:more-rows", event = RowEvent)]
pub(crate) struct MoreRows;

pub(crate) struct Instance {
    pub(crate) number: usize,
    pub(crate) process: Process,
    pub(crate) bus: Bus,
    pub(crate) rows: Rows,
    pub(crate) more: MoreRows,
    pub(crate) caches: Vec<(CoherentCache<u64, u64>, Promise)>,
    /// All rows.
    pub(crate) snapshot: Snapshot<Vec<u64>>,
    /// What a handler has read, and reads again when an event tells it to.
    pub(crate) copies: Arc<Mutex<Vec<Option<u64>>>>,
    _handlers: [Subscription; 2],
}

impl Instance {
    /// Call it in a task of the process.
    pub(crate) async fn new(
        number: usize,
        process: Process,
        network: &Network,
        plan: &Plan,
        history: &Arc<History>,
    ) -> Self {
        let limits = Limits {
            connect: plan.connect_timeout,
            response: plan.response_timeout,
        };
        let bus = simulation::bus(network, limits, plan.inbox)
            .heartbeat(plan.heartbeat)
            .lease(plan.lease)
            .backoff(plan.backoff_min, plan.backoff_max)
            .rejection_interval(plan.rejection_interval)
            .queue(plan.queue, 1_000_000)
            .outbox(plan.outbox, 1_000_000)
            .connect_lazy()
            .expect("usable settings");
        let (rows, more) = (Rows::new(&bus), MoreRows::new(&bus));
        let policies = [
            (WhileDown::Bypass, Duration::ZERO),
            (WhileDown::ServeFor(plan.serve_for), plan.serve_for),
        ];
        let caches = policies.map(|(policy, longer)| {
            let cache = CoherentCache::builder("rows", Duration::from_secs(3600))
                .max_entries(1_000)
                .while_down(policy)
                .tags(|key, _| [tag(*key)])
                .evict_on(&rows, evict)
                .evict_on(&more, evict);
            let promise = promise(plan, longer);
            (cache.build().expect("usable settings"), promise)
        });
        let snapshot = snapshot(plan, history, [&rows, &more]).await;
        let copies = (0..plan.keys).map(|_| None).collect();
        let copies = Arc::new(Mutex::new(copies));
        let handler = || {
            let (copies, history) = (Arc::clone(&copies), Arc::clone(history));
            let slow = plan.handler;
            move |event| copy(event, Arc::clone(&copies), Arc::clone(&history), slow)
        };
        let handlers = [rows.subscribe(handler()), more.subscribe(handler())];
        Self {
            number,
            process,
            bus,
            rows,
            more,
            caches: caches.into(),
            snapshot,
            copies,
            _handlers: handlers,
        }
    }
}

/// What a cache promises that serves for so much longer than events are proven to arrive.
pub(crate) fn promise(plan: &Plan, longer: Duration) -> Promise {
    Promise {
        within: plan.lease + longer,
        // If an event gets lost and the fence does not, a confirmation says too much.
        confirmed: longer.is_zero() && !plan.faults.contains(&Fault::Deaf),
    }
}

impl Instance {
    /// One of the channels. Either evicts from every cache.
    pub(crate) fn some_channel(&self) -> &Invalidator<RowEvent> {
        if one_in(2) { &self.rows } else { &self.more }
    }
}

/// A snapshot whose first load may have failed.
async fn snapshot(
    plan: &Plan,
    history: &Arc<History>,
    channels: [&Invalidator<RowEvent>; 2],
) -> Snapshot<Vec<u64>> {
    loop {
        let (history, load) = (Arc::clone(history), plan.load);
        let loader = move || {
            let history = Arc::clone(&history);
            async move {
                sleep(between(ms(0), load)).await;
                let rows = history.versions();
                sleep(between(ms(0), load)).await;
                if one_in(20) {
                    Err("no answer")
                } else {
                    Ok(rows)
                }
            }
        };
        let snapshot = Snapshot::builder("all-rows", loader)
            .reload_interval(plan.load.max(ms(1)))
            .backoff(ms(1), ms(20));
        let snapshot = channels.into_iter().fold(snapshot, |snapshot, channel| {
            snapshot.reload_on(channel, |_| true)
        });
        if let Ok(snapshot) = snapshot.load().await {
            return snapshot;
        }
    }
}

/// Rows share a tag with their neighbours.
fn tag(key: u64) -> u64 {
    key / 4
}

/// What an event evicts: by keys, by tags, or by a predicate over entries. Its first key decides
/// which of them, and not chance, so that a seed goes on choosing the same world.
fn evict(event: &RowEvent) -> Evict<u64> {
    let keys = match event {
        RowEvent::Row { key } => std::slice::from_ref(key),
        RowEvent::Rows { keys } => keys,
        RowEvent::All => return Evict::All,
    };
    match keys.first().map(|first| first % 5) {
        Some(0 | 1) => {
            let mut tags: Vec<_> = keys.iter().map(|key| tag(*key)).collect();
            tags.dedup();
            Evict::tags(tags)
        }
        Some(2) => {
            let keys = keys.to_vec();
            Evict::matching_entry(move |key, _version: &u64| keys.contains(key))
        }
        _ => Evict::keys(keys.iter().copied()),
    }
}

/// Copies what an event tells of; slowly, from time to time.
async fn copy(
    event: RowEvent,
    copies: Arc<Mutex<Vec<Option<u64>>>>,
    history: Arc<History>,
    slow: Duration,
) {
    if one_in(10) {
        sleep(between(ms(0), slow)).await;
    }
    let mut copies = copies.lock().expect("no panic while it is held");
    let mut copy = |key| {
        let index = usize::try_from(key).expect("a small number");
        copies[index] = Some(history.version(key));
    };
    match event {
        RowEvent::Row { key } => copy(key),
        RowEvent::Rows { keys } => keys.into_iter().for_each(copy),
        RowEvent::All => *copies = history.versions().into_iter().map(Some).collect(),
    }
}
