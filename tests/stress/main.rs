//! Readers and writers on real threads. A read is stale if it finds an older version than was
//! acknowledged before it began. A coherent cache has no stale reads, nor has one that loads from
//! another. A cache that is filled by `insert` after a miss has many. While connections are moved to
//! another server, an event may be missed for a lease.

mod balancer;
mod database;
mod instance;
mod readers;

use std::cell::Cell;
use std::fmt;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::scope;
use std::time::Duration;

use cache_runtime::service::Subscription;
use cache_runtime::{
    Bus, CoherentCache, Evict, InvalidationEvent, RedisCache, TtlCache, cache_invalidation,
};
use tokio::runtime::{self, Runtime};

use database::Database;
use readers::{Coherent, GetThenInsert, Inner, Layered, Reader};

/// A run lasts until this many reads and writes were done, however long that takes.
const READS: u64 = 100_000;
const WRITES: u64 = 1_000;
/// The most reads of a writer between two writes.
const PAUSE: usize = 64;
const FOREVER: Duration = Duration::from_secs(60 * 60);
const READERS: usize = 3;
const GROUPS: usize = 4;
const ROWS: usize = 4;

/// Versions are the numbers of the writes, and only grow.
#[derive(Debug, InvalidationEvent)]
enum RowEvent {
    Row {
        group: usize,
        row: usize,
        version: u64,
    },
    Group {
        group: usize,
        version: u64,
    },
    Prefix {
        group: usize,
        version: u64,
    },
    Everything {
        version: u64,
    },
    All,
}

#[cache_invalidation(channel = "cache:stress", event = RowEvent)]
struct Rows;

#[derive(Debug, Clone, Copy)]
enum By {
    Key,
    Predicate,
    Prefix,
    Everything,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Predicate => "predicate",
            Self::Prefix => "prefix",
            Self::Everything => "everything",
        })
    }
}

/// The cache that another loads from.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Memory,
    Redis,
    RedisAndMemory,
}

fn key(group: usize, row: usize) -> String {
    format!("{group}:{row}")
}

/// A xorshift generator; its quality suffices here.
fn random(state: &Cell<usize>) -> usize {
    let mut x = state.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    state.set(x);
    x
}

/// Reads random rows, and counts stale reads.
fn read(database: &Database, reader: &impl Reader, state: &Cell<usize>, times: usize) {
    let (mut found, mut old) = (0, 0);
    for _ in 0..times {
        let (group, row) = (random(state) % GROUPS, random(state) % ROWS);
        let floor = database.applied.versions.get(group, row);
        if let Some(version) = reader.read(random(state), group, row) {
            found += 1;
            old += u64::from(version < floor);
        }
    }
    database.count(found, old);
}

/// Changes rows; returns their version, and the event that tells of it.
fn change(database: &Database, by: By, group: usize, row: usize) -> (u64, RowEvent) {
    let version = database.writes.fetch_add(1, Ordering::SeqCst) + 1;
    let event = match by {
        By::Key => RowEvent::Row {
            group,
            row,
            version,
        },
        By::Predicate => RowEvent::Group { group, version },
        By::Prefix => RowEvent::Prefix { group, version },
        By::Everything => RowEvent::Everything { version },
    };
    database.rows.raise(&event);
    (version, event)
}

/// Changes rows, publishes the change, and waits until the event has been applied.
fn write(database: &Database, rows: &Rows, by: By, runtime: &runtime::Handle, state: &Cell<usize>) {
    let (group, row) = (random(state) % GROUPS, random(state) % ROWS);
    let (version, event) = change(database, by, group, row);
    let mut progress = database.applied.progress.subscribe();
    runtime.block_on(async {
        rows.publish(&event).await.expect("the bus is open");
        let applied = progress.wait_for(|progress| progress.version >= version);
        drop(applied.await.expect("the database is there"));
    });
}

/// Runs readers on this instance, and one writer each on this and on another instance.
fn run<R: Reader>(
    runtime: &Runtime,
    by: By,
    cache: impl FnOnce(&Bus, &Rows, &Arc<Database>) -> (R, Option<Subscription>),
) -> Arc<Database> {
    let entered = runtime.enter();
    let database = Arc::new(Database::default());
    let bus = Bus::local().lease(FOREVER).connect_lazy();
    let bus = bus.expect("usable settings");
    let (here, there) = (Rows::new(&bus), Rows::new(&bus.another_instance()));
    let (reader, _subscription) = cache(&bus, &here, &database);
    // Subscribed after the cache, so it is called after the cache has applied the event.
    let applied = Arc::clone(&database);
    let _recording = here.subscribe_inline(move |event| applied.applied.record(event));
    drop(entered);
    let handle = runtime.handle();
    handle.block_on(bus.ready()).expect("nothing in the way");
    scope(|threads| {
        for seed in 1..=READERS {
            let (database, reader) = (&database, &reader);
            threads.spawn(move || {
                let state = Cell::new(seed);
                while database.runs() {
                    read(database, reader, &state, PAUSE);
                }
            });
        }
        for (rows, seed) in [(&here, 11), (&there, 12)] {
            let (database, reader) = (&database, &reader);
            threads.spawn(move || {
                let state = Cell::new(seed);
                while database.runs() {
                    write(database, rows, by, handle, &state);
                    read(database, reader, &state, random(&state) % PAUSE);
                }
            });
        }
    });
    database
}

fn evict(event: &RowEvent) -> Evict<String> {
    match event {
        RowEvent::Row { group, row, .. } => Evict::key(key(*group, *row)),
        RowEvent::Group { group, .. } => {
            let group = group.to_string();
            Evict::matching(move |key: &String| key.split(':').next() == Some(&*group))
        }
        RowEvent::Prefix { group, .. } => Evict::prefix(format!("{group}:")),
        RowEvent::Everything { .. } | RowEvent::All => Evict::All,
    }
}

fn in_memory(rows: &Rows) -> CoherentCache<String, u64> {
    let cache = CoherentCache::builder("stress", FOREVER).evict_on(rows, evict);
    cache.build().expect("usable settings")
}

/// Over the key-value store of this process.
fn in_redis(bus: &Bus, rows: &Rows, memory: bool) -> Inner {
    let cache = RedisCache::builder(bus, "stress", FOREVER).evict_on(rows, evict);
    let cache = if memory {
        cache.memory(FOREVER, 100)
    } else {
        cache
    };
    Inner::Redis(cache.build().expect("usable settings"))
}

fn layered(runtime: &Runtime, by: By, outer_first: bool, kind: Kind) -> Arc<Database> {
    run(runtime, by, |bus, rows, database| {
        let (outer, inner);
        if outer_first {
            outer = in_memory(rows);
            inner = build_inner(kind, bus, rows);
        } else {
            inner = build_inner(kind, bus, rows);
            outer = in_memory(rows);
        }
        let reader = Layered {
            outer,
            inner,
            database: Arc::clone(database),
            runtime: runtime.handle().clone(),
        };
        (reader, None)
    })
}

fn build_inner(kind: Kind, bus: &Bus, rows: &Rows) -> Inner {
    match kind {
        Kind::Memory => Inner::Memory(in_memory(rows)),
        Kind::Redis => in_redis(bus, rows, false),
        Kind::RedisAndMemory => in_redis(bus, rows, true),
    }
}

fn coherent(runtime: &Runtime, by: By) -> Arc<Database> {
    run(runtime, by, |_, rows, database| {
        let reader = Coherent {
            cache: in_memory(rows),
            database: Arc::clone(database),
            runtime: runtime.handle().clone(),
        };
        (reader, None)
    })
}

fn get_then_insert(runtime: &Runtime, by: By) -> Arc<Database> {
    run(runtime, by, |_, rows, database| {
        let cache = TtlCache::<String, u64>::builder("cache", Duration::from_secs(300))
            .build()
            .unwrap();
        let evicted = cache.clone();
        let subscription = rows.subscribe_inline(move |event| match event {
            RowEvent::Row { group, row, .. } => drop(evicted.remove(&key(*group, *row))),
            RowEvent::Group { group, .. } | RowEvent::Prefix { group, .. } => {
                evicted.remove_prefix(&format!("{group}:"));
            }
            RowEvent::Everything { .. } | RowEvent::All => evicted.clear(),
        });
        let reader = GetThenInsert {
            cache,
            database: Arc::clone(database),
        };
        (reader, Some(subscription))
    })
}

fn one_worker() -> Runtime {
    runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn no_read_is_stale() {
    let runtime = one_worker();
    for by in [By::Key, By::Predicate, By::Prefix, By::Everything] {
        let [ours, theirs] = [coherent(&runtime, by), get_then_insert(&runtime, by)];
        let told = [&ours, &theirs].map(|database| {
            let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            let [stale, reads] = [get(&database.stale), get(&database.reads)];
            format!(
                "{stale} stale of {reads} reads, {} writes",
                get(&database.writes)
            )
        });
        // Not through the test harness, which hides the output of passing tests.
        let [ours_told, theirs_told] = told;
        let line = format!("stress: by {by}: {ours_told}; get-then-insert: {theirs_told}\n");
        let _ = stdout().write_all(line.as_bytes());
        assert!(ours.reads.load(Ordering::Relaxed) > 0, "nothing was read");
        assert_eq!(ours.stale.load(Ordering::Relaxed), 0, "by {by}");
        assert!(
            theirs.stale.load(Ordering::Relaxed) > 0,
            "the measure is blind"
        );
    }
}

#[test]
fn no_read_through_two_caches_is_stale() {
    let runtime = one_worker();
    for inner in [Kind::Memory, Kind::Redis, Kind::RedisAndMemory] {
        for outer_first in [true, false] {
            for by in [By::Key, By::Predicate, By::Everything] {
                let database = layered(&runtime, by, outer_first, inner);
                let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
                let [stale, reads] = [get(&database.stale), get(&database.reads)];
                let built = if outer_first { "first" } else { "last" };
                let line = format!(
                    "stress: by {by}, over {inner:?}, the outer built {built}: {stale} stale of \
                     {reads} reads, {} writes\n",
                    get(&database.writes)
                );
                let _ = stdout().write_all(line.as_bytes());
                assert_eq!(stale, 0, "by {by}, over {inner:?}, the outer built {built}");
            }
        }
    }
}
