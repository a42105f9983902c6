//! Caches that load through other caches of their channel. In whatever order they were built, none
//! keeps what another has evicted.
//!
//! Between the caches stand probes: inline subscribers that read while some of the caches have
//! evicted and others have not.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use cache_runtime::__private::publish_raw;
use cache_runtime::cache::NotStored;
use cache_runtime::coherent::LoadToken;
use cache_runtime::service::Subscription;
use cache_runtime::{Bus, CoherentCache, Evict};
use support::{DEADLINE, block_on, eventually};
use tokio::sync::Semaphore;

use crate::{Cache, HOUR, TeamEvent, Teams, UserEvent, Users, builder, evict, poll_once};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

const KEY: &str = "1:a";
const PAIRS: [[usize; 2]; 2] = [[0, 1], [1, 0]];
const TRIPLES: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

/// Caches, the outermost first. Each loads from the next, and the last from the database.
#[derive(Clone, Default)]
struct Layers {
    caches: Arc<OnceLock<Vec<Cache>>>,
    database: Arc<AtomicU64>,
}

impl Layers {
    fn cache(&self, layer: usize) -> &Cache {
        &self.caches.get().expect("all are built")[layer]
    }

    fn count(&self) -> usize {
        self.caches.get().map_or(0, Vec::len)
    }

    /// What a layer loads.
    fn load(&self, layer: usize) -> BoxFuture<u64> {
        let layers = self.clone();
        Box::pin(async move {
            if layer + 1 < layers.count() {
                layers.read(layer + 1).await
            } else {
                layers.database.load(Ordering::SeqCst)
            }
        })
    }

    /// Reads through a layer.
    fn read(&self, layer: usize) -> BoxFuture<u64> {
        let layers = self.clone();
        Box::pin(async move {
            let cache = layers.cache(layer);
            cache.get_or_load(KEY, || layers.load(layer)).await
        })
    }

    /// Reads. It waits only for a load on another thread, which does not wait.
    fn read_now(&self, layer: usize) -> u64 {
        block_on(self.read(layer))
    }

    /// Reads through every layer, from the outermost or from the innermost.
    fn read_all(&self, outermost_first: bool) {
        let count = self.count();
        for step in 0..count {
            let layer = if outermost_first {
                step
            } else {
                count - 1 - step
            };
            self.read_now(layer);
        }
    }

    /// Asserts that no layer has kept an old value, and that all of them store again. That may be a
    /// moment later, because this instance also receives what it has published.
    fn hold(&self, value: u64, what: &str) {
        let begun = Instant::now();
        loop {
            let kept: Vec<_> = (0..self.count())
                .map(|layer| self.cache(layer).get(KEY))
                .collect();
            for (layer, kept) in kept.iter().enumerate() {
                assert!(
                    kept.is_none_or(|kept| kept == value),
                    "{what}: layer {layer} has kept {kept:?}"
                );
            }
            if kept.iter().all(Option::is_some) {
                return;
            }
            for layer in 0..self.count() {
                assert_eq!(self.read_now(layer), value, "{what}: layer {layer}");
            }
            assert!(begun.elapsed() < DEADLINE, "{what}: kept {kept:?}");
        }
    }
}

/// Builds a cache for each layer in some order, and a probe after each.
async fn build(
    users: &Users,
    order: &[usize],
    cache: impl Fn() -> Cache,
    probe: impl Fn(&Layers) + Clone + Send + Sync + 'static,
) -> (Layers, Vec<Subscription>) {
    let layers = Layers::default();
    layers.database.store(1, Ordering::SeqCst);
    let mut caches: Vec<_> = order.iter().map(|_| None).collect();
    let mut probes = Vec::new();
    for layer in order {
        caches[*layer] = Some(cache());
        let (layers, probe) = (layers.clone(), probe.clone());
        probes.push(users.subscribe_inline(move |_| {
            if layers.count() > 0 {
                probe(&layers);
            }
        }));
    }
    let caches = caches.into_iter().flatten().collect();
    assert!(layers.caches.set(caches).is_ok());
    users.ready().await.unwrap();
    (layers, probes)
}

fn plain(users: &Users) -> Cache {
    builder(users).build().unwrap()
}

/// How an event reaches the caches.
#[derive(Debug, Clone, Copy)]
enum Way {
    PublishedHere,
    Received,
    Flush,
}

const WAYS: [Way; 3] = [Way::PublishedHere, Way::Received, Way::Flush];

impl Way {
    async fn apply(self, bus: &Bus, users: &Users) {
        let told = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&told);
        let _last = users.subscribe_inline(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let mut times = 1;
        match self {
            Self::PublishedHere => {
                users.invalidate_user(KEY).await.unwrap();
                // When it is published, and when it is received.
                times = 2;
            }
            Self::Received => {
                let other = Users::new(&bus.another_instance());
                other.invalidate_user(KEY).await.unwrap();
            }
            Self::Flush => {
                let unknown = br#"{"type":"newer"}"#;
                publish_raw(bus, users.channel(), unknown).await.unwrap();
            }
        }
        let now = async || told.load(Ordering::SeqCst);
        eventually("the caches to be told", now, |now| *now >= times).await;
    }
}

async fn nothing_old_stays(order: &[usize]) {
    for way in WAYS {
        for outermost_first in [true, false] {
            let bus = Bus::in_process();
            let users = Users::new(&bus);
            let probe = move |layers: &Layers| layers.read_all(outermost_first);
            let (layers, _probes) = build(&users, order, || plain(&users), probe).await;
            layers.hold(1, "before the event");
            layers.database.store(2, Ordering::SeqCst);
            way.apply(&bus, &users).await;
            layers.hold(2, &format!("{way:?}, built in the order {order:?}"));
        }
    }
}

#[tokio::test]
async fn of_two_caches_may_be_built_in_any_order() {
    for order in PAIRS {
        nothing_old_stays(&order).await;
    }
}

#[tokio::test]
async fn of_three_caches_may_be_built_in_any_order() {
    for order in TRIPLES {
        nothing_old_stays(&order).await;
    }
}

/// The read of a publisher right after its own event must not be given the old value either.
#[tokio::test]
async fn are_read_as_soon_as_publish_is_called() {
    for order in TRIPLES {
        let users = Users::new(&Bus::in_process());
        let probe = |layers: &Layers| layers.read_all(true);
        let (layers, _probes) = build(&users, &order, || plain(&users), probe).await;
        layers.hold(1, "before the event");
        layers.database.store(2, Ordering::SeqCst);
        assert!(poll_once(pin!(users.invalidate_user(KEY))).is_some());
        layers.hold(2, &format!("built in the order {order:?}"));
    }
}

#[tokio::test]
async fn store_nothing_old_with_a_token() {
    type Tokens = Arc<Mutex<Vec<(LoadToken<'static, String, u64>, u64)>>>;
    for order in PAIRS {
        let users = Users::new(&Bus::in_process());
        let tokens = Tokens::default();
        let held = Arc::clone(&tokens);
        let probe = move |layers: &Layers| {
            // It lasts as long as its tokens.
            let outer: &'static Cache = Box::leak(Box::new(layers.cache(0).clone()));
            let token = outer.begin_load(KEY);
            held.lock().unwrap().push((token, layers.read_now(1)));
        };
        let (layers, _probes) = build(&users, &order, || plain(&users), probe).await;
        layers.hold(1, "before the event");
        layers.database.store(2, Ordering::SeqCst);
        users.invalidate_user(KEY).await.unwrap();
        let taken = std::mem::take(&mut *tokens.lock().unwrap());
        assert!(taken.len() >= 2, "one between the caches");
        for (token, value) in taken {
            assert_eq!(token.store(value), Err(NotStored::Evicted), "{order:?}");
        }
        layers.hold(2, &format!("built in the order {order:?}"));
    }
}

/// A subscriber between the caches panics, and so does the closure of each cache.
#[tokio::test]
async fn survive_a_panic() {
    for order in PAIRS {
        for panicking in 0..3 {
            let users = Users::new(&Bus::in_process());
            let built = AtomicU64::new(0);
            let cache = || {
                let panics = built.fetch_add(1, Ordering::SeqCst) == panicking;
                CoherentCache::builder("users", HOUR)
                    .evict_on(&users, move |event| {
                        assert!(!panics, "as the test wants it");
                        evict(event)
                    })
                    .build()
                    .unwrap()
            };
            let probe = move |layers: &Layers| {
                layers.read_all(true);
                assert_ne!(panicking, 2, "as the test wants it");
            };
            let (layers, _probes) = build(&users, &order, cache, probe).await;
            layers.hold(1, "before the event");
            layers.database.store(2, Ordering::SeqCst);
            users.invalidate_user(KEY).await.unwrap();
            layers.hold(2, &format!("built in the order {order:?}"));
            assert!(users.stats().panics > 0);
        }
    }
}

/// Two channels evict from both caches. An event of one comes while the caches are told of an event
/// of the other.
#[tokio::test]
async fn of_two_channels_may_be_built_in_any_order() {
    for order in PAIRS {
        for nested in [false, true] {
            let bus = Bus::in_process();
            let (users, teams) = (Users::new(&bus), Teams::new(&bus));
            let cache = || {
                builder(&users)
                    .evict_on(&teams, |event| match event {
                        TeamEvent::Members { user_ids } => Evict::keys(user_ids),
                        TeamEvent::All => Evict::All,
                    })
                    .build()
                    .unwrap()
            };
            let others = Arc::new(Teams::new(&bus));
            let probe = move |layers: &Layers| {
                layers.read_all(true);
                if nested {
                    // Another key, so that only its barrier matters.
                    let event = others.invalidate_members(vec!["2:b".to_owned()]);
                    assert!(poll_once(pin!(event)).is_some());
                    layers.read_all(true);
                }
            };
            let (layers, _probes) = build(&users, &order, cache, probe).await;
            let probed = layers.clone();
            let _probe = teams.subscribe_inline(move |_| {
                // Not through `probe`, which would publish without an end.
                probed.read_all(false);
            });
            bus.ready().await.unwrap();
            layers.hold(1, "before the event");
            layers.database.store(2, Ordering::SeqCst);
            users.invalidate_user(KEY).await.unwrap();
            layers.hold(2, &format!("built in the order {order:?}"));
            layers.database.store(3, Ordering::SeqCst);
            teams
                .invalidate_members(vec![KEY.to_owned()])
                .await
                .unwrap();
            layers.hold(3, &format!("built in the order {order:?}"));
        }
    }
}

/// A load that began between two caches goes on after the event. Nobody who comes later is given
/// its value, not even while the caches are told of the next event.
#[tokio::test]
async fn do_not_share_what_was_loaded_meanwhile() {
    let users = Users::new(&Bus::in_process());
    let layers = Layers::default();
    layers.database.store(1, Ordering::SeqCst);
    let gate = Arc::new(Semaphore::new(0));
    let loading: Arc<Mutex<Vec<BoxFuture<u64>>>> = Arc::default();
    let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
    let is_first =
        |event: &UserEvent| matches!(event, UserEvent::User { user_id } if user_id == KEY);

    let outer = plain(&users);
    let _between = users.subscribe_inline({
        let (layers, gate, loading) = (layers.clone(), Arc::clone(&gate), Arc::clone(&loading));
        move |event| {
            if !is_first(event) || !loading.lock().unwrap().is_empty() {
                return;
            }
            let (layers, gate) = (layers.clone(), Arc::clone(&gate));
            let mut load: BoxFuture<u64> = Box::pin(async move {
                let outer = layers.cache(0);
                let load = async || {
                    let value = layers.read(1).await;
                    drop(gate.acquire().await);
                    value
                };
                outer.get_or_load(KEY, load).await
            });
            assert_eq!(poll_once(load.as_mut()), None, "it waits for the gate");
            loading.lock().unwrap().push(load);
        }
    });
    let inner = plain(&users);
    let _after = users.subscribe_inline({
        let (layers, seen) = (layers.clone(), Arc::clone(&seen));
        move |_| seen.lock().unwrap().push(layers.read_now(0))
    });
    assert!(layers.caches.set(vec![outer, inner]).is_ok());
    users.ready().await.unwrap();

    layers.hold(1, "before the event");
    layers.database.store(2, Ordering::SeqCst);
    // Each is applied when it is published, and when it is received.
    let probed = async || seen.lock().unwrap().clone();
    for (event, times) in [(KEY, 2), ("2:b", 4)] {
        assert!(poll_once(pin!(users.invalidate_user(event))).is_some());
        let seen = eventually("the last cache to be told", probed, |seen| {
            seen.len() == times
        })
        .await;
        assert!(seen.iter().all(|value| *value == 2), "{event}: {seen:?}");
    }
    assert_eq!(layers.read_now(0), 2, "after the event");
    gate.close();
    let mut load = loading.lock().unwrap().pop().expect("it began");
    assert_eq!(load.as_mut().await, 1, "the earlier caller gets it");
    layers.hold(2, "after the load");
}

/// A load that began before the event, of a key that it does not concern, is shared and stored.
#[tokio::test]
async fn go_on_with_the_loads_of_other_keys() {
    let users = Users::new(&Bus::in_process());
    let cache = plain(&users);
    let gate = Arc::new(Semaphore::new(0));
    let mut first = pin!(cache.get_or_load("2:b", async || {
        drop(gate.acquire().await);
        7
    }));
    users.ready().await.unwrap();
    assert_eq!(poll_once(first.as_mut()), None, "it waits for the gate");
    let joined: Arc<Mutex<Option<BoxFuture<u64>>>> = Arc::default();
    let _probe = users.subscribe_inline({
        let (cache, joined) = (cache.clone(), Arc::clone(&joined));
        move |_| {
            let cache = cache.clone();
            let mut read: BoxFuture<u64> =
                Box::pin(async move { cache.get_or_load("2:b", async || 8).await });
            if poll_once(read.as_mut()).is_none() {
                joined.lock().unwrap().get_or_insert(read);
            }
        }
    });
    assert!(poll_once(pin!(users.invalidate_user(KEY))).is_some());
    gate.close();
    assert_eq!(first.await, 7);
    let joined = joined.lock().unwrap().take().expect("it waits");
    assert_eq!(joined.await, 7);
    assert_eq!(cache.get("2:b"), Some(7));
}

/// It is not told of the event, and may have loaded from one that was not told yet.
#[tokio::test]
async fn a_cache_that_subscribes_while_another_is_told_stores_nothing() {
    let bus = Bus::in_process();
    let users = Arc::new(Users::new(&bus));
    let outer = Arc::new(Mutex::new(None));
    let _inner = users.subscribe_inline({
        let (users, outer) = (Arc::clone(&users), Arc::clone(&outer));
        move |event| {
            if matches!(event, UserEvent::User { .. }) {
                let cache = plain(&users);
                let stored = cache.begin_load(KEY).store(1);
                outer.lock().unwrap().get_or_insert((cache, stored));
            }
        }
    });
    bus.ready().await.unwrap();
    let other = Users::new(&bus.another_instance());
    other.invalidate_user(KEY).await.unwrap();
    let built = async || outer.lock().unwrap().is_some();
    eventually("the event to arrive", built, |built| *built).await;
    let (cache, stored) = outer.lock().unwrap().take().expect("it was built");
    assert!(stored.is_err());
    assert_eq!(cache.get(KEY), None);
    assert_eq!(cache.begin_load(KEY).store(2), Ok(()));
    assert_eq!(cache.get(KEY), Some(2));
}
