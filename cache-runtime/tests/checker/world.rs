//! The model: rows whose versions only grow, and a cache of them, evicted by events.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::coherent::{Builder, WithEvents};
use cache_runtime::{
    Bus, CoherentCache, Evict, InvalidationEvent, ManualClock, cache_invalidation,
};
use shuttle::future::{block_on, yield_now};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::{self, Runtime};

pub(crate) const TTL: Duration = Duration::from_secs(60);
const KEYS: u8 = 4;
const FOREVER: Duration = Duration::from_secs(60 * 60);

#[derive(InvalidationEvent)]
pub(crate) enum RowEvent {
    Row {
        key: u8,
    },
    Rows {
        keys: Vec<u8>,
    },
    Below {
        key: u8,
    },
    Half {
        half: u8,
    },
    Until {
        version: u64,
    },
    /// A write of another instance, with its version, so that the model knows which write has
    /// arrived.
    Written {
        key: u8,
        version: u64,
    },
    All,
}

#[cache_invalidation(channel = "cache:rows", event = RowEvent)]
pub(crate) struct Rows;

/// What an event evicts from a cache of rows.
pub(crate) fn evict(event: &RowEvent) -> Evict<u8> {
    match event {
        RowEvent::Row { key } | RowEvent::Written { key, .. } => Evict::key(*key),
        RowEvent::Rows { keys } => Evict::keys(keys.iter().copied()),
        RowEvent::Below { key } => {
            let limit = *key;
            Evict::matching(move |key| *key < limit)
        }
        RowEvent::Half { half } => Evict::tag(format_args!("half {half}")),
        RowEvent::Until { version } => {
            let limit = *version;
            Evict::matching_entry(move |_, row: &Row| row.version <= limit)
        }
        RowEvent::All => Evict::All,
    }
}

/// The tags of a row.
pub(crate) fn tags(_key: &u8, row: &Row) -> [String; 1] {
    [format!("half {}", row.half)]
}

/// A cached value.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) version: u64,
    /// Its tag: keys 0 and 1 are one half, the others are the other.
    pub(crate) half: u8,
    /// The time when its load began.
    pub(crate) asked: Duration,
    /// Its reference count is the number of values in memory.
    _alive: Arc<()>,
}

impl Row {
    /// Panics unless a reader may find this value if it asked at the time `arrived`, when the
    /// oldest allowed version was `floor`.
    pub(crate) fn check(&self, key: u8, floor: u64, arrived: Duration) {
        let version = self.version;
        assert!(
            version >= floor,
            "row {key} is of version {version}, not yet {floor}"
        );
        assert!(self.asked + TTL > arrived, "row {key} outlived its TTL");
    }
}

/// The rows behind the cache, and the oldest versions that readers may still find.
pub(crate) struct Database {
    rows: Vec<AtomicU64>,
    floors: Vec<AtomicU64>,
    pub(crate) clock: ManualClock,
    alive: Arc<()>,
    loads: AtomicU64,
    running: AtomicU64,
    pub(crate) most_running: AtomicU64,
}

impl Database {
    pub(crate) fn new() -> Self {
        let zeros = || (0..KEYS).map(|_| AtomicU64::new(0)).collect();
        Self {
            rows: zeros(),
            floors: zeros(),
            clock: ManualClock::new(),
            alive: Arc::default(),
            loads: AtomicU64::new(0),
            running: AtomicU64::new(0),
            most_running: AtomicU64::new(0),
        }
    }

    /// Loads a row. Other threads may run before and after it is read.
    pub(crate) async fn load(&self, key: u8) -> Row {
        let asked = self.clock.elapsed();
        self.loads.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        let _running = Running(self);
        yield_now().await;
        let version = self.rows[usize::from(key)].load(Ordering::SeqCst);
        yield_now().await;
        self.row(key, version, asked)
    }

    pub(crate) fn row(&self, key: u8, version: u64, asked: Duration) -> Row {
        Row {
            version,
            half: key / 2,
            asked,
            _alive: Arc::clone(&self.alive),
        }
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    /// Changes a row; returns its version.
    pub(crate) fn write(&self, key: u8) -> u64 {
        self.rows[usize::from(key)].fetch_add(1, Ordering::SeqCst) + 1
    }

    /// A read that begins from now on must not find an older version.
    pub(crate) fn acknowledge(&self, key: u8, version: u64) {
        self.floors[usize::from(key)].fetch_max(version, Ordering::SeqCst);
    }

    pub(crate) fn floor(&self, key: u8) -> u64 {
        self.floors[usize::from(key)].load(Ordering::SeqCst)
    }

    pub(crate) fn version(&self, key: u8) -> u64 {
        self.rows[usize::from(key)].load(Ordering::SeqCst)
    }

    /// The number of values in memory.
    pub(crate) fn alive(&self) -> usize {
        Arc::strong_count(&self.alive) - 1
    }
}

/// Counts a running load until it is dropped.
struct Running<'a>(&'a Database);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How a writer evicts the rows that it has changed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    Key,
    Keys,
    Predicate,
    /// A tag, which only the values say.
    Tag,
    /// A predicate over values.
    Value,
    All,
}

pub(crate) type Building = Builder<u8, Row, WithEvents>;

/// A cache on a bus that is live, and the database behind it.
pub(crate) struct World {
    // Dropped in this order: the cache and its bus before their runtime.
    pub(crate) cache: CoherentCache<u8, Row>,
    pub(crate) rows: Rows,
    pub(crate) bus: Bus,
    pub(crate) database: Arc<Database>,
    runtime: Runtime,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder, _, _| builder)
    }

    pub(crate) fn with(set: impl FnOnce(Building, &Rows, &Arc<Database>) -> Building) -> Self {
        // Its tasks run only within `run`.
        let runtime = runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let entered = runtime.enter();
        let bus = Bus::local()
            .heartbeat(FOREVER)
            .lease(FOREVER * 4)
            .rejection_interval(Duration::from_micros(1))
            .connect_lazy()
            .expect("usable settings");
        let rows = Rows::new(&bus);
        let database = Arc::new(Database::new());
        let builder = CoherentCache::builder("rows", TTL)
            // So few that there is one shard: with several, a seed would not determine the
            // schedules.
            .max_entries(100)
            .clock(&database.clock)
            .tags(tags)
            .evict_on(&rows, evict);
        let cache = set(builder, &rows, &database)
            .build()
            .expect("usable settings");
        drop(entered);
        let world = Self {
            cache,
            rows,
            bus,
            database,
            runtime,
        };
        world.ready();
        world
    }

    /// Runs the tasks of the bus and of the cache for a while; called by one thread at a time.
    pub(crate) fn run(&self) {
        self.runtime.block_on(async {
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Reads through the cache, and checks the version.
    pub(crate) fn read(&self, key: u8) {
        let (floor, arrived) = (self.database.floor(key), self.database.clock.elapsed());
        let loader = || self.database.load(key);
        let row = block_on(self.cache.get_or_load(&key, loader));
        row.check(key, floor, arrived);
    }

    /// Reads the cache only, and checks the version.
    pub(crate) fn peek(&self, key: u8) {
        let (floor, arrived) = (self.database.floor(key), self.database.clock.elapsed());
        if let Some(row) = self.cache.get(&key) {
            row.check(key, floor, arrived);
        }
    }

    /// Takes a token, loads, and stores.
    pub(crate) fn store(&self, key: u8) {
        let token = self.cache.begin_load(&key);
        let row = block_on(self.database.load(key));
        let _ = token.store(row);
    }

    /// Changes rows, evicts them, and acknowledges the change.
    pub(crate) fn write(&self, by: By) {
        let database = &self.database;
        let changed: &[u8] = match by {
            By::Key => &[0],
            By::Keys | By::Predicate | By::Tag | By::Value | By::All => &[0, 1],
        };
        let versions: Vec<_> = changed.iter().map(|key| database.write(*key)).collect();
        let published = match by {
            By::Key => self.rows.invalidate_row(0),
            By::Keys => self.rows.invalidate_rows(changed.to_vec()),
            By::Predicate => self.rows.invalidate_below(2),
            By::Tag => self.rows.invalidate_half(0),
            By::Value => self.rows.invalidate_until(u64::MAX),
            By::All => self.rows.invalidate_all(),
        };
        block_on(published).expect("the bus is open");
        for (key, version) in changed.iter().zip(versions) {
            database.acknowledge(*key, version);
        }
    }

    /// Waits until the bus is live.
    pub(crate) fn ready(&self) {
        let ready = self.runtime.block_on(self.bus.ready());
        ready.expect("nothing in the way");
    }

    /// Checks what must hold when the cache is no longer used.
    pub(crate) fn settle(&self) {
        let stats = self.cache.stats();
        assert_eq!(stats.loading, 0, "loads left behind: {stats:?}");
        for (key, row) in self.cache.entries() {
            let floor = self.database.floor(key);
            assert!(
                row.version >= floor,
                "row {key} stays at {}, not {floor}",
                row.version
            );
        }
        self.run();
        assert_eq!(
            self.database.alive(),
            self.cache.len(),
            "values left behind"
        );
        for key in 0..KEYS {
            self.read(key);
            assert!(self.cache.stats().loading == 0);
        }
    }
}
