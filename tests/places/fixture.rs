//! The event, the settings and the instances that the scenarios share.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::bus::{BusBuilder, Health};
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use support::{Recorder, eventually, until};
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
    shared: Arc<Shared>,
    write: JoinHandle<()>,
    read: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    ends: AtomicBool,
    version: AtomicU64,
    counts: Mutex<Counts>,
    /// Each version that was published and acknowledged, and when.
    acknowledged: Mutex<Vec<(u64, Instant)>>,
}

/// How often a change was published, and was acknowledged or not, and the reads.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    pub(crate) reads: u64,
    /// The age of the oldest read: how long before it a later version was acknowledged.
    pub(crate) oldest: Duration,
}

impl Traffic {
    pub(crate) fn start(writer: &Instance, reader: &Instance) -> Self {
        let shared = Arc::<Shared>::default();
        let write = Arc::clone(&shared).write(writer.users.clone());
        let read = Arc::clone(&shared).read(reader.cache.clone());
        Self {
            shared,
            write: tokio::spawn(write),
            read: tokio::spawn(read),
        }
    }

    /// Waits until a change that is made from now on was acknowledged and read. Panics if a read was
    /// too old.
    pub(crate) async fn goes_on(&self) {
        let before = self.counts();
        let more = |now: &Counts| {
            let [acknowledged, reads] = [now.acknowledged, now.reads];
            // Those that had begun before do not count.
            acknowledged > before.acknowledged + 1 && reads > before.reads + 1
        };
        let counts = async || self.counts();
        eventually("acknowledged changes and reads", counts, more).await;
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.shared.counts.lock().unwrap()
    }

    /// Ends it; returns what there was. Panics if a read was older than the last change that was
    /// acknowledged a lease before.
    pub(crate) async fn end(self) -> Counts {
        self.shared.ends.store(true, Ordering::SeqCst);
        self.write.await.unwrap();
        self.read.await.unwrap();
        *self.shared.counts.lock().unwrap()
    }
}

impl Shared {
    async fn write(self: Arc<Self>, users: Users) {
        while !self.ends.load(Ordering::SeqCst) {
            let new = self.version.fetch_add(1, Ordering::SeqCst) + 1;
            if users.invalidate_user(1).await.is_ok() {
                self.acknowledged
                    .lock()
                    .unwrap()
                    .push((new, Instant::now()));
                self.counts.lock().unwrap().acknowledged += 1;
            } else {
                self.counts.lock().unwrap().failed += 1;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn read(self: Arc<Self>, cache: CoherentCache<u64, u64>) {
        while !self.ends.load(Ordering::SeqCst) {
            let begun = Instant::now();
            let load = || async { self.version.load(Ordering::SeqCst) };
            let found = cache.get_or_load(&1, load).await;
            // In order of the versions.
            let missed = {
                let known = self.acknowledged.lock().unwrap();
                let missed = known.partition_point(|(version, _)| *version <= found);
                known.get(missed).copied()
            };
            let age = missed.map_or(Duration::ZERO, |(_, at)| {
                begun.saturating_duration_since(at)
            });
            assert!(
                age < LEASE,
                "read {found}, and missed {missed:?} {age:?} ago"
            );
            {
                let mut counts = self.counts.lock().unwrap();
                counts.reads += 1;
                counts.oldest = counts.oldest.max(age);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
