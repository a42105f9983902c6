//! An instance that reaches its server through a relay.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::bus::{Cause, Health};
use cache_runtime::service::Subscription;
use cache_runtime::{Bus, RedisCache};
use support::{Relay, Server, eventually, within};
use tokio::runtime;
use tokio::sync::watch;

use crate::database::{Acknowledged, Applied, Database, Progress};
use crate::readers::{Layered, Reader};
use crate::{
    By, FOREVER, GROUPS, Kind, ROWS, RowEvent, Rows, build_inner, change, in_memory, random,
};

pub(crate) const LEASE: Duration = Duration::from_millis(500);

pub(crate) struct Instance {
    rows: Rows,
    reader: Layered,
    /// What makes every instance use its connection for values.
    plain: RedisCache<u64>,
    database: Arc<Database>,
    acknowledged: Arc<Acknowledged>,
    applied: Arc<Applied>,
    health: watch::Receiver<Health>,
    /// How often the connections were found to lead to different servers.
    mismatches: Arc<AtomicU64>,
    pub(crate) relay: Relay,
    _recording: Subscription,
}

impl Instance {
    pub(crate) async fn start(
        server: &Server,
        inner: Kind,
        database: &Arc<Database>,
        acknowledged: &Arc<Acknowledged>,
    ) -> Self {
        let relay = Relay::to(server.port()).await;
        let bus = Bus::redis(relay.url())
            .heartbeat(LEASE / 10)
            .lease(LEASE)
            .backoff(Duration::from_millis(10), Duration::from_millis(50));
        let bus = bus.connect().await.expect("the server is running");
        let rows = Rows::new(&bus);
        let reader = Layered {
            outer: in_memory(&rows),
            inner: build_inner(inner, &bus, &rows),
            database: Arc::clone(database),
            runtime: runtime::Handle::current(),
        };
        let plain = RedisCache::builder(&bus, "plain", FOREVER).build();
        let (applied, mismatches) = (Arc::<Applied>::default(), Arc::<AtomicU64>::default());
        let health = rows.watch_health();
        // Subscribed after the caches, so it is called after they have applied the event.
        let recording = rows.subscribe_inline({
            let (applied, mismatches) = (Arc::clone(&applied), Arc::clone(&mismatches));
            let (database, acknowledged) = (Arc::clone(database), Arc::clone(acknowledged));
            let health = health.clone();
            move |event| {
                if let RowEvent::All = event {
                    let lost = applied.catch_up(&acknowledged);
                    database.lost.fetch_add(lost, Ordering::Relaxed);
                    let mismatch = *health.borrow() == Health::Down(Cause::AnotherServer);
                    mismatches.fetch_add(u64::from(mismatch), Ordering::SeqCst);
                }
                applied.record(event);
            }
        });
        bus.ready().await.expect("nothing in the way");
        Self {
            rows,
            reader,
            plain: plain.expect("usable settings"),
            database: Arc::clone(database),
            acknowledged: Arc::clone(acknowledged),
            applied,
            health,
            mismatches,
            relay,
            _recording: recording,
        }
    }

    pub(crate) fn mismatches(&self) -> u64 {
        self.mismatches.load(Ordering::SeqCst)
    }

    fn progress(&self) -> Progress {
        *self.applied.progress.borrow()
    }

    pub(crate) fn flushes(&self) -> u64 {
        self.progress().flushes
    }

    pub(crate) async fn live(&self) {
        let mut health = self.health.clone();
        let live = health.wait_for(Health::is_live);
        let live = within("the instance to be live", live).await;
        drop(live.expect("the bus is there"));
    }

    /// Reads a random row, and counts whether it is stale.
    pub(crate) fn read(&self, state: &Cell<usize>) {
        let (group, row) = (random(state) % GROUPS, random(state) % ROWS);
        let applied = self.applied.versions.get(group, row);
        let floor = applied.max(self.acknowledged.floor(LEASE, group, row));
        if let Some(version) = self.reader.read(random(state), group, row) {
            self.database.count(1, u64::from(version < floor));
        }
    }

    /// Changes rows of a group, and publishes the change.
    pub(crate) async fn write(&self, group: usize, state: &Cell<usize>) {
        // Fails while the connections are opened anew, which does not matter.
        let _ = self.plain.get("any").await;
        let by = [By::Key, By::Predicate, By::Prefix][random(state) % 3];
        let (_, event) = change(&self.database, by, group, random(state) % ROWS);
        let receipt = self.rows.publish(&event).await;
        // Nothing is subscribed on the second server.
        if receipt.is_ok_and(|receipt| receipt.receivers() > 0) {
            self.acknowledged.add(event);
        }
    }

    /// Publishes that everything has changed, until all of these instances have received it. Returns
    /// the version.
    pub(crate) async fn write_everything(&self, all: &[Self]) -> u64 {
        let version = self.database.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let event = RowEvent::Everything { version };
        self.database.rows.raise(&event);
        let received = async || {
            // What fails is published again.
            let _ = self.rows.publish(&event).await;
            let mut all = all.iter();
            all.all(|instance| instance.progress().version >= version)
        };
        eventually("the event to be received", received, |received| *received).await;
        version
    }

    /// Whether every way of reading finds this version of every row.
    pub(crate) fn has(&self, version: u64) -> bool {
        (0..8).all(|way| {
            let rows = (0..GROUPS).flat_map(|group| (0..ROWS).map(move |row| (group, row)));
            let mut found = rows.map(|(group, row)| self.reader.read(way, group, row));
            found.all(|found| found.is_none_or(|found| found == version))
        })
    }
}
