//! Callers that load the same keys, one or several at a time, polled in any order.
//!
//! There is one load per key at a time, and no more loads than are allowed. Callers that are polled
//! only when woken all finish, and nothing is left behind.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};

use cache_runtime::TtlCache;
use proptest::prelude::*;

use crate::poll_once;

const KEYS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Call(usize),
    /// Keys may be named twice.
    CallMany(Vec<usize>),
    /// Polls a caller that was woken. Every index is taken modulo the number of candidates.
    Poll(usize),
    /// Polls a caller, also if it was not woken.
    PollAnyway(usize),
    Finish(usize),
    /// As `Finish`, but the first key of a load of several has no value.
    FinishPartly(usize),
    Fail(usize),
    Drop(usize),
    Write(usize),
    WriteAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..KEYS).prop_map(Step::Call),
        3 => prop::collection::vec(0..KEYS, 0..5).prop_map(Step::CallMany),
        6 => any::<usize>().prop_map(Step::Poll),
        1 => any::<usize>().prop_map(Step::PollAnyway),
        3 => any::<usize>().prop_map(Step::Finish),
        1 => any::<usize>().prop_map(Step::FinishPartly),
        2 => any::<usize>().prop_map(Step::Fail),
        2 => any::<usize>().prop_map(Step::Drop),
        1 => (0..KEYS).prop_map(Step::Write),
        1 => Just(Step::WriteAll),
    ]
}

/// How the test ends a load.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Whole,
    Partly,
    Fails,
}

/// A load that a caller runs, and its outcome once the test has set it.
struct Load {
    id: usize,
    /// The keys, and whether an eviction of each came after the load began.
    keys: HashMap<usize, bool>,
    outcome: Option<Outcome>,
    waker: Waker,
}

/// The rows behind the cache, and the loads that run.
#[derive(Default)]
struct Rows {
    versions: [u64; KEYS],
    loads: Vec<Load>,
    /// How many loads have begun, and of how many keys.
    begun: (usize, usize),
}

/// Removes a load when it ends, also when it is dropped.
struct Running {
    rows: Rc<RefCell<Rows>>,
    id: usize,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.rows
            .borrow_mut()
            .loads
            .retain(|load| load.id != self.id);
    }
}

type Versions = HashMap<usize, u64>;

/// Loads rows, and waits until the test ends the load. The versions are read at the beginning.
async fn load(rows: Rc<RefCell<Rows>>, keys: Vec<usize>) -> Result<Versions, ()> {
    let (id, mut versions) = {
        let mut rows = rows.borrow_mut();
        rows.begun.0 += 1;
        rows.begun.1 += keys.len();
        let id = rows.begun.0;
        let versions: Versions = keys.iter().map(|key| (*key, rows.versions[*key])).collect();
        assert_eq!(versions.len(), keys.len(), "each key once");
        rows.loads.push(Load {
            id,
            keys: keys.iter().map(|key| (*key, false)).collect(),
            outcome: None,
            waker: Waker::noop().clone(),
        });
        (id, versions)
    };
    let running = Running { rows, id };
    let outcome = poll_fn(|context| {
        let mut rows = running.rows.borrow_mut();
        let load = rows.loads.iter_mut().find(|load| load.id == id);
        let load = load.expect("it runs");
        load.waker.clone_from(context.waker());
        load.outcome.map_or(Poll::Pending, Poll::Ready)
    });
    match outcome.await {
        Outcome::Whole => Ok(versions),
        Outcome::Partly => {
            versions.remove(&keys[0]);
            Ok(versions)
        }
        Outcome::Fails => Err(()),
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Caller {
    /// The versions when the caller asked: it must not get an older one.
    floors: Versions,
    asks: Arc<Flag>,
    call: Pin<Box<dyn Future<Output = Result<Versions, ()>>>>,
}

struct Run {
    cache: TtlCache<usize, u64>,
    rows: Rc<RefCell<Rows>>,
    callers: Vec<Caller>,
    allowed: Option<usize>,
}

impl Run {
    fn new(allowed: Option<usize>) -> Self {
        let mut builder = TtlCache::builder("loads", std::time::Duration::from_secs(300));
        if let Some(allowed) = allowed {
            builder = builder.max_concurrent_loads(allowed);
        }
        Self {
            cache: builder.build().unwrap(),
            rows: Rc::default(),
            callers: Vec::new(),
            allowed,
        }
    }

    fn call(&mut self, key: usize) {
        let (cache, rows) = (self.cache.clone(), Rc::clone(&self.rows));
        let call = async move {
            let load = async || {
                let loaded = load(rows, vec![key]).await?;
                // A load of one key cannot find that there is none.
                loaded.get(&key).copied().ok_or(())
            };
            let called = cache.try_get_or_load(&key, load).await;
            Ok([(key, called.map_err(|error| *error)?)].into())
        };
        self.called(&[key], Box::pin(call));
    }

    fn call_many(&mut self, keys: Vec<usize>) {
        let (cache, rows) = (self.cache.clone(), Rc::clone(&self.rows));
        let named = keys.clone();
        let call = async move {
            let load = |keys| load(Rc::clone(&rows), keys);
            let called = cache.try_get_many_or_load(&keys, load).await;
            called.map_err(|error| *error)
        };
        self.called(&named, Box::pin(call));
    }

    fn called(
        &mut self,
        keys: &[usize],
        call: Pin<Box<dyn Future<Output = Result<Versions, ()>>>>,
    ) {
        let asks = Arc::new(Flag::default());
        asks.0.store(true, Ordering::Relaxed);
        let versions = self.rows.borrow().versions;
        self.callers.push(Caller {
            floors: keys.iter().map(|key| (*key, versions[*key])).collect(),
            asks,
            call,
        });
    }

    fn poll(&mut self, index: usize) {
        let caller = &mut self.callers[index];
        caller.asks.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&caller.asks));
        let Some(result) = poll_once(caller.call.as_mut(), &waker) else {
            return;
        };
        for (key, version) in result.into_iter().flatten() {
            let floor = caller.floors[&key];
            assert!(version >= floor, "version {version}, not yet {floor}");
        }
        self.callers.swap_remove(index);
    }

    /// The callers that were woken.
    fn asking(&self) -> Vec<usize> {
        let asks = |caller: &Caller| caller.asks.0.load(Ordering::Relaxed);
        (0..self.callers.len())
            .filter(|index| asks(&self.callers[*index]))
            .collect()
    }

    fn end(&self, index: usize, outcome: Outcome) {
        let mut rows = self.rows.borrow_mut();
        let running = rows.loads.len();
        if running > 0 {
            let load = &mut rows.loads[index % running];
            load.outcome = load.outcome.or(Some(outcome));
            load.waker.wake_by_ref();
        }
    }

    fn written(&self, keys: std::ops::Range<usize>) {
        let mut rows = self.rows.borrow_mut();
        let rows = &mut *rows;
        for (key, overtaken) in rows.loads.iter_mut().flat_map(|load| &mut load.keys) {
            *overtaken |= keys.contains(key);
        }
        keys.for_each(|key| rows.versions[key] += 1);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Call(key) => self.call(key),
            Step::CallMany(keys) => self.call_many(keys),
            Step::Poll(index) => {
                let asking = self.asking();
                if !asking.is_empty() {
                    self.poll(asking[index % asking.len()]);
                }
            }
            Step::PollAnyway(index) if !self.callers.is_empty() => {
                self.poll(index % self.callers.len());
            }
            Step::Drop(index) if !self.callers.is_empty() => {
                drop(self.callers.swap_remove(index % self.callers.len()));
            }
            Step::PollAnyway(_) | Step::Drop(_) => {}
            Step::Finish(index) => self.end(index, Outcome::Whole),
            Step::FinishPartly(index) => self.end(index, Outcome::Partly),
            Step::Fail(index) => self.end(index, Outcome::Fails),
            Step::Write(key) => {
                self.written(key..key + 1);
                self.cache.remove(&key);
            }
            Step::WriteAll => {
                self.written(0..KEYS);
                self.cache.clear();
            }
        }
    }

    fn check(&self) {
        let rows = self.rows.borrow();
        for key in 0..KEYS {
            let current = |load: &&Load| load.keys.get(&key) == Some(&false);
            let loads = rows.loads.iter().filter(current).count();
            assert!(loads <= 1, "{loads} loads of one key");
            if let Some(version) = self.cache.get(&key) {
                assert_eq!(
                    version, rows.versions[key],
                    "stored although it was overtaken"
                );
            }
        }
        let running = rows.loads.len();
        assert!(
            running <= self.allowed.unwrap_or(usize::MAX),
            "{running} loads at a time"
        );
        let (counted, begun) = (self.cache.stats().loads, rows.begun.1 as u64);
        assert_eq!(counted, begun, "each load counts once for each key");
    }

    /// Lets all callers finish.
    fn finish(mut self) {
        while !self.callers.is_empty() {
            let asking = self.asking();
            if let Some(index) = asking.first() {
                self.poll(*index);
            } else {
                let runs = |load: &Load| load.outcome.is_none();
                let next = self.rows.borrow().loads.iter().position(runs);
                self.end(next.expect("somebody waits for nothing"), Outcome::Whole);
            }
            self.check();
        }
        assert_eq!(self.cache.stats().loading, 0, "left behind");
        assert!(self.rows.borrow().loads.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn one_load_a_key_and_nobody_is_left_waiting(
        steps in prop::collection::vec(step(), 0..80),
        allowed in prop::option::of(1..3usize),
    ) {
        let mut run = Run::new(allowed);
        for step in steps {
            run.step(step);
            run.check();
        }
        run.finish();
    }
}
