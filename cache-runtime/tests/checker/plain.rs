//! `TtlCache`: an `insert` or a removal during a load overtakes the load.

use cache_runtime::TtlCache;
use shuttle::future::block_on;
use shuttle::thread::scope;

use crate::explore;
use crate::world::{Database, Row, TTL, tags};

struct Plain {
    cache: TtlCache<u8, Row>,
    database: Database,
}

impl Plain {
    fn new() -> Self {
        let database = Database::new();
        let builder = TtlCache::builder("rows", TTL).tags(tags);
        let cache = builder.clock(&database.clock).build();
        Self {
            cache: cache.expect("usable settings"),
            database,
        }
    }

    fn read(&self) {
        let floor = self.database.floor(0);
        let row = block_on(self.cache.get_or_load(&0, || self.database.load(0)));
        assert!(
            row.version >= floor,
            "version {}, not yet {floor}",
            row.version
        );
    }

    fn peek(&self) {
        let floor = self.database.floor(0);
        if let Some(row) = self.cache.get(&0) {
            assert!(
                row.version >= floor,
                "version {}, not yet {floor}",
                row.version
            );
        }
    }

    /// Changes the row, and then the cache.
    fn write(&self, change: impl FnOnce(&TtlCache<u8, Row>, Row)) {
        let version = self.database.write(0);
        let row = self.database.row(0, version, self.database.clock.elapsed());
        change(&self.cache, row);
        self.database.acknowledge(0, version);
    }

    fn against(change: fn(&TtlCache<u8, Row>, Row)) {
        let plain = Self::new();
        scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    plain.read();
                    plain.read();
                });
            }
            threads.spawn(|| {
                plain.peek();
                plain.peek();
            });
            threads.spawn(|| {
                plain.write(change);
                plain.peek();
                plain.write(change);
                plain.read();
            });
        });
        let floor = plain.database.floor(0);
        assert_eq!(plain.cache.stats().loading, 0, "loads left behind");
        if let Some(row) = plain.cache.get(&0) {
            assert!(
                row.version >= floor,
                "it stays at {}, not {floor}",
                row.version
            );
        }
        assert_eq!(
            plain.database.alive(),
            plain.cache.len(),
            "values left behind"
        );
    }
}

#[test]
fn insert() {
    explore("TtlCache: insert", || {
        Plain::against(|cache, row| cache.insert(0, row));
    });
}

#[test]
fn remove() {
    explore("TtlCache: remove", || {
        Plain::against(|cache, _| drop(cache.remove(&0)));
    });
}

#[test]
fn remove_tag() {
    explore("TtlCache: remove_tag", || {
        Plain::against(|cache, row| {
            cache.remove_tag(format_args!("half {}", row.half));
        });
    });
}

#[test]
fn retain() {
    explore("TtlCache: retain", || {
        Plain::against(|cache, row| {
            cache.retain(|_, cached| cached.version >= row.version);
        });
    });
}

#[test]
fn clear() {
    explore("TtlCache: clear", || {
        Plain::against(|cache, _| cache.clear());
    });
}
