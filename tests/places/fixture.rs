//! The event, the settings and the instances that the scenarios share.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::bus::{BusBuilder, Health};
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use support::{Recorder, until};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// Users have changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum UserEvent {
    User { user_id: u64 },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Users;

/// A bus that notices silence quickly.
pub(crate) fn builder(url: &str) -> BusBuilder {
    Bus::redis(url)
        .heartbeat(Duration::from_millis(100))
        .lease(LEASE)
        .backoff(Duration::from_millis(20), Duration::from_millis(200))
        .response_timeout(Duration::from_millis(800))
}

/// An instance with a coherent cache and subscribers.
pub(crate) struct Instance {
    pub(crate) users: Users,
    pub(crate) cache: CoherentCache<u64, u64>,
    pub(crate) health: watch::Receiver<Health>,
    /// What an inline subscriber has received, and whether the channel was live then.
    pub(crate) inline: Recorder<(UserEvent, bool)>,
    pub(crate) handler: Recorder<UserEvent>,
    pub(crate) bus: Bus,
}

impl Instance {
    pub(crate) async fn start(builder: BusBuilder) -> Self {
        let bus = builder.connect().await.expect("the primary is there");
        let users = Users::new(&bus);
        let cache = CoherentCache::builder("users", Duration::from_secs(3600));
        let cache = cache.evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(*user_id),
            UserEvent::All => Evict::All,
        });
        let (inline, handler, health) = (Recorder::new(), Recorder::new(), users.watch_health());
        let (told, seen) = (inline.clone(), health.clone());
        let record = move |event: &UserEvent| told.record((event.clone(), seen.borrow().is_live()));
        users.subscribe_inline(record).detach();
        users.subscribe(handler.handler()).detach();
        let instance = Self {
            cache: cache.build().expect("the settings are sound"),
            users,
            health,
            inline,
            handler,
            bus,
        };
        instance
            .bus
            .ready()
            .await
            .expect("nothing stands in the way");
        instance
    }

    /// Waits until the channel is not live, and inline subscribers were flushed meanwhile.
    pub(crate) async fn loses(&self) {
        let told = |events: &[(UserEvent, bool)]| events.contains(&(UserEvent::All, false));
        let expected = "the inline subscriber to get `All` while the channel is not live";
        self.inline.until(expected, told).await;
    }

    /// Waits until the channel is live.
    pub(crate) async fn live(&self) {
        let mut health = self.health.clone();
        until("the channel to be live", &mut health, Health::is_live).await;
    }
}

/// A value that one instance changes and publishes, and another reads through its cache.
pub(crate) struct Traffic {
    ends: Arc<AtomicBool>,
    write: JoinHandle<Writes>,
    read: JoinHandle<u64>,
}

/// How often a change was published, and was acknowledged or not.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
}

/// What has been published and acknowledged: each version, and when.
type Acknowledged = Arc<Mutex<Vec<(u64, Instant)>>>;

impl Traffic {
    pub(crate) fn start(writer: &Instance, reader: &Instance) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (version, acknowledged) = (Arc::new(AtomicU64::new(0)), Acknowledged::default());
        let write = write(
            writer.users.clone(),
            Arc::clone(&version),
            Arc::clone(&acknowledged),
            Arc::clone(&ends),
        );
        let read = read(
            reader.cache.clone(),
            version,
            acknowledged,
            Arc::clone(&ends),
        );
        Self {
            ends,
            write: tokio::spawn(write),
            read: tokio::spawn(read),
        }
    }

    /// Ends it; returns what was written, and how many reads there were. Panics if a read was older
    /// than the last change that was acknowledged a lease before.
    pub(crate) async fn end(self) -> (Writes, u64) {
        self.ends.store(true, Ordering::SeqCst);
        (self.write.await.unwrap(), self.read.await.unwrap())
    }
}

async fn write(
    users: Users,
    version: Arc<AtomicU64>,
    acknowledged: Acknowledged,
    ends: Arc<AtomicBool>,
) -> Writes {
    let mut writes = Writes::default();
    while !ends.load(Ordering::SeqCst) {
        let new = version.fetch_add(1, Ordering::SeqCst) + 1;
        if users.invalidate_user(1).await.is_ok() {
            acknowledged.lock().unwrap().push((new, Instant::now()));
            writes.acknowledged += 1;
        } else {
            writes.failed += 1;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    writes
}

async fn read(
    cache: CoherentCache<u64, u64>,
    version: Arc<AtomicU64>,
    acknowledged: Acknowledged,
    ends: Arc<AtomicBool>,
) -> u64 {
    let mut count = 0;
    while !ends.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let found = cache
            .get_or_load(&1, || async { version.load(Ordering::SeqCst) })
            .await;
        let newest = {
            let known = acknowledged.lock().unwrap();
            let old = known.iter().rev().find(|(_, at)| *at + LEASE <= begun);
            old.map_or(0, |(newest, _)| *newest)
        };
        assert!(
            found >= newest,
            "read {found}, {newest} is known for a lease"
        );
        count += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    count
}
