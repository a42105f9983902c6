//! One run: the instances, and what happens until all is quiet.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::__private::simulation::{self, Network, Process};
use futures_util::future::join_all;
use tokio::runtime::{Builder, RngSeed};
use tokio::time::sleep;

use crate::faults::{heal, strike_on};
use crate::history::History;
use crate::instance::Instance;
use crate::plan::Plan;
use crate::reader::{read, read_on};
use crate::totals::Totals;
use crate::writer::{write, write_on};

/// The violation that is no read.
pub(crate) const NOT_LIVE: &str = "not live in time";

/// How often a program publishes what the server has refused.
const MOST_TRIES: u32 = 100;

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A random number below a bound.
pub(crate) fn below(bound: usize) -> usize {
    usize::try_from(simulation::random() % bound as u64).expect("a small number")
}

pub(crate) fn one_in(bound: u64) -> bool {
    simulation::random().is_multiple_of(bound)
}

/// A random time, in whole ms.
pub(crate) fn between(least: Duration, most: Duration) -> Duration {
    let span = u64::try_from(most.saturating_sub(least).as_millis()).expect("a short time");
    least + ms(simulation::random() % (span + 1))
}

/// The time since the world began.
pub(crate) fn now() -> Duration {
    simulation::elapsed()
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) network: Network,
    pub(crate) history: Arc<History>,
    pub(crate) instances: Vec<Arc<Instance>>,
    run: Mutex<Totals>,
    violation: Mutex<Option<String>>,
    /// No more faults begin.
    is_calm: AtomicBool,
    /// Nobody begins to write any more.
    is_quiet: AtomicBool,
    /// The writes whose events are not published yet.
    pub(crate) writing: AtomicUsize,
    tracing: bool,
}

impl World {
    /// What has happened, or which promise was broken.
    pub(crate) fn run(seed: u64, tracing: bool) -> Result<Totals, String> {
        Self::run_with(seed, |_| {}, tracing)
    }

    /// As [`run`](Self::run), with a plan that is changed.
    pub(crate) fn run_with(
        seed: u64,
        change: impl FnOnce(&mut Plan),
        tracing: bool,
    ) -> Result<Totals, String> {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .on_thread_unpark(simulation::time_passed)
            .rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()))
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            simulation::begin(seed);
            let mut plan = Plan::new();
            change(&mut plan);
            let world = Self::new(plan, tracing).await;
            world.trace(|| format!("{:#?}", world.plan));
            world.live().await
        })
    }

    async fn new(plan: Plan, tracing: bool) -> Arc<Self> {
        let network = if plan.is_cluster {
            Network::cluster(1 + plan.servers)
        } else {
            Network::new(plan.servers)
        };
        tokio::spawn(network.clone().carry());
        let longest = plan.lease + plan.serve_for;
        let history = Arc::new(History::new(plan.keys, plan.instances, longest));
        let mut instances = Vec::new();
        for number in 0..plan.instances {
            let process = Process::new();
            let started = process.spawn({
                let (process, network) = (process.clone(), network.clone());
                let (plan, history) = (plan.clone(), Arc::clone(&history));
                async move { Instance::new(number, process, &network, &plan, &history).await }
            });
            instances.push(Arc::new(started.await.expect("no panic")));
        }
        Arc::new(Self {
            plan,
            network,
            history,
            instances,
            run: Mutex::default(),
            violation: Mutex::default(),
            is_calm: AtomicBool::new(false),
            is_quiet: AtomicBool::new(false),
            writing: AtomicUsize::new(0),
            tracing,
        })
    }

    async fn live(self: Arc<Self>) -> Result<Totals, String> {
        for instance in &self.instances {
            for _ in 0..2 {
                let reading = read_on(Arc::clone(&self), Arc::clone(instance));
                instance.process.spawn(reading);
            }
        }
        for _ in 0..self.plan.writers {
            let instance = &self.instances[below(self.instances.len())];
            let writing = write_on(Arc::clone(&self), Arc::clone(instance));
            instance.process.spawn(writing);
        }
        tokio::spawn(strike_on(Arc::clone(&self)));
        let end = now() + self.plan.length;
        while now() < end {
            sleep(ms(50)).await;
            self.check()?;
        }
        self.is_calm.store(true, Ordering::Relaxed);
        self.is_quiet
            .store(self.plan.quiet_early, Ordering::Relaxed);
        self.trace(|| "no more faults begin".to_owned());
        // Until the longest has ended.
        sleep(self.plan.fault + self.plan.lease + ms(1)).await;
        heal(&self);
        self.trace(|| "all faults have ended".to_owned());
        self.recover().await?;
        self.is_quiet.store(true, Ordering::Relaxed);
        self.trace(|| "quiet".to_owned());
        self.settle().await;
        self.check_all().await;
        self.check()?;
        Ok(self.total())
    }

    /// Waits until every bus is live.
    async fn recover(&self) -> Result<(), String> {
        let patience = now() + self.plan.patience();
        while now() < patience {
            let mut buses = self.instances.iter().map(|instance| instance.bus.health());
            if buses.all(|health| health.is_live()) {
                return Ok(());
            }
            sleep(ms(10)).await;
        }
        let health = self.instances.iter().map(|instance| instance.bus.health());
        Err(format!("{NOT_LIVE}: {:?}", health.collect::<Vec<_>>()))
    }

    /// Waits until everything is fresh, within reason.
    async fn settle(&self) {
        for key in 0..self.plan.keys {
            // As a program would.
            for _ in 0..MOST_TRIES {
                if !self.history.is_refused(key) {
                    break;
                }
                write(self, &self.instances[0], vec![key]).await;
            }
        }
        let patience = now() + self.plan.patience() + self.plan.handler * 10_000;
        let writing = || self.writing.load(Ordering::Relaxed) > 0;
        while now() < patience && (writing() || self.stale().is_some()) {
            sleep(ms(20)).await;
        }
    }

    /// What is not fresh.
    fn stale(&self) -> Option<String> {
        for instance in &self.instances {
            let (number, snapshot) = (instance.number, instance.snapshot.get());
            for key in 0..self.plan.keys {
                let version = self.history.version(key);
                for (which, (cache, _)) in instance.caches.iter().enumerate() {
                    let found = cache.get(&key);
                    if found.is_some_and(|found| found != version) {
                        return Some(format!(
                            "instance {number}, cache {which}, key {key}: {found:?} is left, of {version}"
                        ));
                    }
                }
                let index = usize::try_from(key).expect("a small number");
                let found = snapshot[index];
                if found != version {
                    return Some(format!(
                        "instance {number}, snapshot, key {key}: it has {found}, of {version}"
                    ));
                }
                let copies = instance.copies.lock().expect("no panic while it is held");
                let copy = copies[index];
                if version > 0 && copy != Some(version) {
                    return Some(format!(
                        "instance {number}, key {key}: a handler has {copy:?}, of {version}"
                    ));
                }
            }
        }
        None
    }

    /// Everything is fresh, and stays so.
    async fn check_all(&self) {
        if let Some(stale) = self.stale() {
            self.violate(|| stale);
        }
        let reads = self.instances.iter().flat_map(|instance| {
            let caches = 0..instance.caches.len();
            caches.flat_map(move |which| {
                (0..self.plan.keys).map(move |key| read(self, instance, which, key))
            })
        });
        join_all(reads).await;
        if let Some(stale) = self.stale() {
            self.violate(|| stale);
        }
    }

    fn total(&self) -> Totals {
        let mut run = self.run.lock().expect("no panic while it is held").clone();
        run.runs = 1;
        for (cache, _) in self.instances.iter().flat_map(|instance| &instance.caches) {
            let stats = cache.stats();
            run.hits += stats.hits;
            run.loads += stats.loads;
            run.overtaken += stats.overtaken_loads;
        }
        for instance in &self.instances {
            run.reloads += instance.snapshot.stats().loads;
        }
        run
    }

    /// The rows of a transaction.
    pub(crate) fn some_keys(&self) -> Vec<u64> {
        let (first, all) = (self.some_key(), self.plan.keys);
        let some = if one_in(2) {
            1
        } else {
            1 + simulation::random() % self.plan.changed
        };
        (first..first + some.min(all))
            .map(|key| key % all)
            .collect()
    }

    pub(crate) fn some_key(&self) -> u64 {
        simulation::random() % self.plan.keys
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Totals)) {
        change(&mut self.run.lock().expect("no panic while it is held"));
    }

    /// A promise was broken. The first counts.
    pub(crate) fn violate(&self, what: impl FnOnce() -> String) {
        let mut violation = self.violation.lock().expect("no panic while it is held");
        violation.get_or_insert_with(|| format!("at {:?}: {}", now(), what()));
    }

    fn check(&self) -> Result<(), String> {
        let violation = self.violation.lock().expect("no panic while it is held");
        violation.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn trace(&self, what: impl FnOnce() -> String) {
        if self.tracing {
            println!("{:>12?} {}", now(), what());
        }
    }
}
