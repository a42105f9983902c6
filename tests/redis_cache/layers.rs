//! Caches that load through each other, one of them in Redis. In whatever order they were built,
//! none keeps what another has evicted.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Waker};

use cache_runtime::redis::Coherent;
use cache_runtime::service::Subscription;
use cache_runtime::{Bus, CoherentCache, RedisCache};
use support::{eventually, within};
use tokio::task::block_in_place;

use crate::coherent::{Instance, evict};
use crate::fixture::{LONG, Place, Source, Texts, builder, in_both_places};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type InMemory = CoherentCache<String, String>;
type InRedis = RedisCache<String, Coherent>;

const KEY: &str = "a:1";
const EVENT: &str = r#"{"type":"text","key":"a:1"}"#;

fn in_memory(texts: &Texts) -> InMemory {
    let cache = CoherentCache::builder("pages", LONG).evict_on(texts, evict);
    cache.build().unwrap()
}

fn in_redis(bus: &Bus, texts: &Texts, memory: bool) -> InRedis {
    let cache = builder(bus).load_lock(LONG).evict_on(texts, evict);
    let cache = if memory {
        cache.memory(LONG, 100)
    } else {
        cache
    };
    cache.build().unwrap()
}

/// A cache in memory that loads from one in Redis.
struct Layers {
    outer: InMemory,
    inner: InRedis,
    database: AtomicU64,
}

impl Layers {
    async fn read_inner(&self) -> String {
        let load = async || self.database.load(Ordering::SeqCst).to_string();
        self.inner.get_or_load(KEY, load).await.unwrap()
    }

    async fn read(self: Arc<Self>) -> String {
        self.outer.get_or_load(KEY, || self.read_inner()).await
    }

    async fn hold(self: &Arc<Self>, value: &str, what: &str) {
        let kept = self.outer.get(KEY);
        assert!(
            kept.as_deref().is_none_or(|kept| kept == value),
            "{what}: the outer cache has kept {kept:?}"
        );
        let read = within("the value", Arc::clone(self).read()).await;
        assert_eq!(read, value, "{what}");
        assert_eq!(self.outer.get(KEY).as_deref(), Some(value), "{what}");
        // Another instance deletes when it receives the event, perhaps after the entry was stored.
        let stored = async || {
            assert_eq!(self.read_inner().await, value, "{what}");
            self.inner.get(KEY).await.unwrap()
        };
        eventually("the entry in Redis", stored, Option::is_some).await;
    }
}

/// Counts how often all caches that are built before have been told of an event.
fn count(texts: &Texts, told: &Arc<AtomicUsize>) -> Subscription {
    let told = Arc::clone(told);
    texts.subscribe_inline(move |_| {
        told.fetch_add(1, Ordering::SeqCst);
    })
}

async fn are_told(told: &AtomicUsize, times: usize) {
    let now = async || told.load(Ordering::SeqCst);
    eventually("the caches to be told", now, |now| *now >= times).await;
}

#[derive(Debug, Clone, Copy)]
enum By {
    ThisInstance,
    AnotherInstance,
    SomebodyElse,
}

/// At every event, a probe between the caches and one after them begin to read.
async fn outer_keeps_nothing_old(place: &Place, outer_first: bool, memory: bool, by: By) {
    let what = format!("outer first: {outer_first}, memory: {memory}, event of {by:?}");
    let there = Instance::new(place).await;
    let bus = place.instance().await;
    let texts = Texts::new(&bus);
    let layers = Arc::<OnceLock<Arc<Layers>>>::default();
    let reading = Arc::<Mutex<Vec<BoxFuture<String>>>>::default();
    let probe = || {
        let (layers, reading) = (Arc::clone(&layers), Arc::clone(&reading));
        texts.subscribe_inline(move |_| {
            let Some(layers) = layers.get() else { return };
            let mut read: BoxFuture<String> = Box::pin(Arc::clone(layers).read());
            let context = &mut Context::from_waker(Waker::noop());
            if read.as_mut().poll(context).is_pending() {
                reading.lock().unwrap().push(read);
            }
        })
    };
    let (outer, inner, _probe);
    if outer_first {
        outer = in_memory(&texts);
        _probe = probe();
        inner = in_redis(&bus, &texts, memory);
    } else {
        inner = in_redis(&bus, &texts, memory);
        _probe = probe();
        outer = in_memory(&texts);
    }
    let told = Arc::<AtomicUsize>::default();
    let _last = count(&texts, &told);
    bus.ready().await.unwrap();
    let built = Layers {
        outer,
        inner,
        database: AtomicU64::new(1),
    };
    let layers = Arc::clone(layers.get_or_init(|| Arc::new(built)));
    layers.hold("1", &what).await;

    layers.database.store(2, Ordering::SeqCst);
    let before = told.load(Ordering::SeqCst);
    let times = match by {
        // When it is published, and when it is received.
        By::ThisInstance => texts.invalidate_text(KEY).await.map(|_| 2),
        By::AnotherInstance => there.texts.invalidate_text(KEY).await.map(|_| 1),
        By::SomebodyElse => {
            place.publish(EVENT).await;
            Ok(1)
        }
    };
    are_told(&told, before + times.unwrap()).await;
    let reading = std::mem::take(&mut *reading.lock().unwrap());
    for read in reading {
        within("the reads that began meanwhile", read).await;
    }
    layers.hold("2", &what).await;
    there.texts.invalidate_all().await.unwrap();
}

async fn a_cache_in_memory_over_it_keeps_nothing_old(place: &Place) {
    for outer_first in [true, false] {
        for memory in [true, false] {
            for by in [By::ThisInstance, By::AnotherInstance, By::SomebodyElse] {
                outer_keeps_nothing_old(place, outer_first, memory, by).await;
            }
        }
    }
}

in_both_places!(a_cache_in_memory_over_it_keeps_nothing_old);

/// A cache in Redis that loads from one in memory, and a gate that holds an event before the latter
/// is told.
struct Reversed {
    texts: Texts,
    outer: InRedis,
    inner: InMemory,
    database: AtomicU64,
    /// Whether the gate holds the next event.
    armed: Arc<AtomicBool>,
    /// How often all caches have been told.
    told: Arc<AtomicUsize>,
    _subscriptions: [Subscription; 2],
}

impl Reversed {
    /// If the gate comes first, it holds an event before any cache is told. Otherwise it does so
    /// when the outer one has been told. Dropping the sender lets the event go on.
    async fn new(
        place: &Place,
        gate_first: bool,
        memory: bool,
    ) -> (Arc<Self>, mpsc::Sender<Infallible>) {
        let bus = place.instance().await;
        let texts = Texts::new(&bus);
        let armed = Arc::new(AtomicBool::new(false));
        let (go_on, gone_on) = mpsc::channel();
        let gone_on = Mutex::new(gone_on);
        let held = Arc::clone(&armed);
        let gate = move |_: &_| {
            if held.swap(false, Ordering::SeqCst) {
                let gone_on = gone_on.lock().unwrap();
                block_in_place(|| gone_on.recv()).unwrap_err();
            }
        };
        let (outer, gate_opened);
        if gate_first {
            gate_opened = texts.subscribe_inline(gate);
            outer = in_redis(&bus, &texts, memory);
        } else {
            outer = in_redis(&bus, &texts, memory);
            gate_opened = texts.subscribe_inline(gate);
        }
        let inner = in_memory(&texts);
        let told = Arc::<AtomicUsize>::default();
        let last = count(&texts, &told);
        bus.ready().await.unwrap();
        let built = Self {
            texts,
            outer,
            inner,
            database: AtomicU64::new(1),
            armed,
            told,
            _subscriptions: [gate_opened, last],
        };
        (Arc::new(built), go_on)
    }

    async fn read_inner(&self) -> String {
        let load = async || self.database.load(Ordering::SeqCst).to_string();
        self.inner.get_or_load(KEY, load).await
    }

    async fn read(self: Arc<Self>) -> String {
        let read = self.outer.get_or_load(KEY, || self.read_inner());
        within("the value", read).await.unwrap()
    }

    async fn is_held(&self) {
        let armed = async || self.armed.load(Ordering::SeqCst);
        eventually("the event to come to the gate", armed, |armed| !armed).await;
    }
}

/// A load begins when the outer cache has evicted, and the inner one has not.
async fn it_keeps_nothing_old_from_a_cache_in_memory(place: &Place) {
    for (gate_first, memory) in [(true, true), (true, false), (false, true), (false, false)] {
        let (here, go_on) = Reversed::new(place, gate_first, memory).await;
        assert_eq!(Arc::clone(&here).read().await, "1");
        here.database.store(2, Ordering::SeqCst);
        let told = here.told.load(Ordering::SeqCst);
        here.armed.store(true, Ordering::SeqCst);
        // The publisher's thread waits at the gate.
        let publishing = tokio::spawn({
            let here = Arc::clone(&here);
            async move { here.texts.invalidate_text(KEY).await }
        });
        here.is_held().await;
        assert!(
            place
                .stored("cache-runtime:coherent:{texts}:v:a:1")
                .await
                .is_some()
        );
        let mut reading = pin!(Arc::clone(&here).read());
        let context = &mut Context::from_waker(Waker::noop());
        let at_once = reading.as_mut().poll(context);
        // A gate that comes first holds the event before the caches in memory are told.
        let in_memory = gate_first && memory;
        assert_eq!(at_once.is_ready(), in_memory, "it waits for the deletion");
        drop(go_on);
        publishing.await.unwrap().unwrap();
        if !in_memory {
            assert_eq!(reading.await, "2");
        }
        are_told(&here.told, told + 2).await;
        assert_eq!(Arc::clone(&here).read().await, "2");
        assert_eq!(here.outer.get(KEY).await.unwrap().as_deref(), Some("2"));
        here.texts.invalidate_all().await.unwrap();
    }
}

/// A load begins before an event is published here, and waits for another instance. The deletion in
/// Redis ends the wait, when the inner cache has evicted.
async fn nor_what_it_loads_while_it_publishes(place: &Place) {
    for gate_first in [true, false] {
        let there = Instance::new(place).await;
        let (here, go_on) = Reversed::new(place, gate_first, true).await;
        assert_eq!(here.read_inner().await, "1");
        let source = Source::held("1");
        let elsewhere = tokio::spawn({
            let (cache, source) = (there.cache.clone(), source.clone());
            async move { cache.try_get_or_load(KEY, || source.load()).await }
        });
        source.has_begun().await;
        let reading = tokio::spawn(Arc::clone(&here).read());
        let waits = async || here.outer.stats().waits;
        eventually("the load to wait", waits, |waits| *waits > 0).await;

        here.database.store(2, Ordering::SeqCst);
        let told = here.told.load(Ordering::SeqCst);
        here.armed.store(true, Ordering::SeqCst);
        let publishing = tokio::spawn({
            let here = Arc::clone(&here);
            async move { here.texts.invalidate_text(KEY).await }
        });
        here.is_held().await;
        drop(go_on);
        publishing.await.unwrap().unwrap();
        let read = within("the load that began before", reading).await;
        assert_eq!(read.unwrap(), "2");
        are_told(&here.told, told + 2).await;
        source.release();
        assert_eq!(elsewhere.await.unwrap().unwrap(), "1");
        assert_eq!(Arc::clone(&here).read().await, "2");
        there.texts.invalidate_all().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_process_it_keeps_nothing_old_while_events_are_applied() {
    it_keeps_nothing_old_from_a_cache_in_memory(&Place::in_process()).await;
    nor_what_it_loads_while_it_publishes(&Place::in_process()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_redis_it_keeps_nothing_old_while_events_are_applied() {
    it_keeps_nothing_old_from_a_cache_in_memory(&Place::redis().await).await;
    nor_what_it_loads_while_it_publishes(&Place::redis().await).await;
}
