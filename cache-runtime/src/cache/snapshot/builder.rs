//! The settings of a snapshot.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::error::{BoxError, LoadError, Reason};
use super::load::{Attempt, Loaded, Loader};
use super::policy::WhileDown;
use super::shared::Shared;
use super::signals::Signals;
use super::subscribe::subscribe;
use super::task::Task;
use super::{Handle, Snapshot};
use crate::audit;
use crate::backoff::Backoff;
use crate::barrier::Barriers;
use crate::cache::coherent::proof::Proof;
use crate::cache::error::BuildError;
use crate::cache::limits::check_time;
use crate::cache::names::check_name;
use crate::clock::{Clock, ManualClock};
use crate::defaults;
use crate::driver::Driver;
use crate::event::InvalidationEvent;
use crate::io_thread;
use crate::random;
use crate::service::{Invalidator, Subscription};

/// Settings of a [`Snapshot`].
#[must_use = "a builder does nothing until it is loaded"]
pub struct Builder<T> {
    name: Arc<str>,
    place: &'static Location<'static>,
    load: Box<dyn Fn() -> Loaded<T> + Send + Sync>,
    sources: Vec<Source>,
    barriers: Barriers,
    policy: WhileDown,
    poll: Option<Duration>,
    interval: Duration,
    timeout: Duration,
    backoff: (Duration, Duration),
    clock: Clock,
    /// Of the bus whose events ask for loads.
    driver: Driver,
}

/// One `reload_on`: the proof of its channel, and how to subscribe.
struct Source {
    proof: Proof,
    subscribe: Subscribe,
}

type Subscribe = Box<dyn FnOnce(&Arc<Signals>) -> Subscription + Send>;

impl<T: Send + Sync + 'static> Snapshot<T> {
    /// Settings of a snapshot whose value `loader` loads as a whole.
    ///
    /// Audits and errors show the name. The snapshot needs a
    /// [`reload_on`](Builder::reload_on), a [`poll`](Builder::poll), or both.
    ///
    /// `loader` must not block. It must not wait for a load of this snapshot, which would be its own.
    /// If it holds a handle of the snapshot, the snapshot never ends.
    #[track_caller]
    pub fn builder<L, F, E>(name: &str, loader: L) -> Builder<T>
    where
        L: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let load = move || -> Loaded<T> {
            let loading = loader();
            Box::pin(async move { loading.await.map_err(Into::into) })
        };
        Builder {
            name: name.into(),
            place: Location::caller(),
            load: Box::new(load),
            sources: Vec::new(),
            barriers: Barriers::default(),
            policy: WhileDown::default(),
            poll: None,
            interval: defaults::RELOAD_INTERVAL,
            timeout: defaults::LOAD_TIMEOUT,
            backoff: (defaults::RELOAD_BACKOFF_MIN, defaults::RELOAD_BACKOFF_MAX),
            clock: Clock::default(),
            driver: Driver::default(),
        }
    }
}

impl<T: Send + Sync + 'static> Builder<T> {
    /// Loads the value again after each event of a service's channel for which `asks` returns true.
    ///
    /// It may be called for several services. Match the event exhaustively: then the compiler asks
    /// about a new variant. After the event that says that everything is stale, the value is loaded
    /// again whatever `asks` returns for it, and so it is after any loss.
    ///
    /// A snapshot whose loader reads caches has to name every channel that evicts from those. It makes
    /// no difference whether the snapshot or the caches come first.
    ///
    /// `asks` is called by publishers and by the task that receives events, possibly at the same time.
    /// It must be quick and must not block. If it panics, the value is loaded again.
    pub fn reload_on<E: InvalidationEvent>(
        mut self,
        service: &Invalidator<E>,
        asks: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> Self {
        let proof = Proof::new(service);
        self.barriers.add(Invalidator::barrier(service));
        #[cfg(feature = "testing")]
        if let Some(clock) = Invalidator::driver(service).clock() {
            self.driver = Invalidator::driver(service).clone();
            if matches!(self.clock, Clock::Kernel) {
                self.clock = Clock::Manual(clock.clone());
            }
        }
        let counts = proof.source().counts();
        let service = service.clone();
        self.sources.push(Source {
            proof,
            subscribe: Box::new(move |signals| subscribe(signals, &service, asks, counts)),
        });
        self
    }

    /// Loads the value again at this interval, from the beginning of a load to that of the next.
    ///
    /// It is for sources without events. With [`reload_on`](Self::reload_on), it bounds staleness that
    /// no event ends, such as that of a change whose publisher crashed before it published.
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = Some(every);
        self
    }

    /// What to do while events are not proven to arrive; [`WhileDown::Keep`] by default.
    pub fn while_down(mut self, policy: WhileDown) -> Self {
        self.policy = policy;
        self
    }

    /// The least time from the beginning of a load to that of the next;
    /// [`defaults::RELOAD_INTERVAL`] by default.
    ///
    /// The first event is followed by a load at once. Those of the time after it share the next load. So
    /// a burst costs two loads, and under a stream of events the value lags behind by this time and that
    /// of a load.
    pub fn reload_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long a load may take; [`defaults::LOAD_TIMEOUT`] by default. After that it is dropped, and
    /// counts as failed.
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The wait before a load that has failed is tried again: it doubles from `first` to `longest`, and
    /// each wait is shortened by up to a half at random. [`defaults::RELOAD_BACKOFF_MIN`] and
    /// [`defaults::RELOAD_BACKOFF_MAX`] by default.
    ///
    /// Events do not shorten it. A caller of [`reload`](Snapshot::reload) does.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = (first, longest);
        self
    }

    /// Measures ages on this clock, in tests. The lease of a bus and the waits between loads use the
    /// real clock in any case.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Clock::Manual(clock.clone());
        self
    }

    /// Loads the value, and subscribes to the events that ask for further loads.
    ///
    /// There is no second attempt, so that a service that cannot be ready does not become it. Events
    /// need not be proven to arrive yet. As soon as they are, the value is loaded again; wait with
    /// `bus.ready().await?` for that, and with [`get_fresh`](Snapshot::get_fresh) for the value.
    ///
    /// The further loads run in the Tokio runtime that this is called in, and end with it. Without a
    /// runtime, they run on the thread that does the I/O of all buses.
    ///
    /// # Errors
    ///
    /// When a setting is unusable, or when the loader fails, panics, or takes longer than
    /// [`load_timeout`](Self::load_timeout). The error names the snapshot.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind.
    pub async fn load(self) -> Result<Snapshot<T>, LoadError> {
        if let Err(error) = self.check() {
            return Err(LoadError::new(&self.name, Reason::Settings(error)));
        }
        let Self {
            name,
            clock,
            driver,
            ..
        } = self;
        let signals = Arc::new(Signals::new());
        // Subscribed before the load begins, so that it misses no event.
        let (proofs, subscriptions): (Vec<_>, Vec<_>) = (self.sources.into_iter())
            .map(|source| (source.proof, (source.subscribe)(&signals)))
            .unzip();
        let loader = Loader {
            name: Arc::clone(&name),
            load: self.load,
            timeout: self.timeout,
            signals,
            barriers: self.barriers,
            clock,
            driver,
        };
        let Attempt { began, result } = loader.attempt().await;
        let shared = Arc::new(Shared::new(
            self.place,
            loader,
            proofs.into(),
            (self.policy, self.poll),
            (result?, began),
        ));
        let (first, longest) = self.backoff;
        let backoff = Backoff::new(first, longest, random::number());
        let task = Task::new(&shared, self.interval, backoff, began);
        let Some(task) = io_thread::spawn_here(task.run()) else {
            return Err(LoadError::new(&name, Reason::Ended));
        };
        let handle = Arc::new(Handle {
            shared,
            task: task.abort_handle(),
            _subscriptions: subscriptions,
        });
        audit::enroll(&handle);
        Ok(Snapshot { handle })
    }

    fn check(&self) -> Result<(), BuildError> {
        let name = &self.name;
        check_name(name)?;
        if self.sources.is_empty() && self.poll.is_none() {
            let what =
                "neither `reload_on` nor `poll` is set: expected one, or it is loaded only once";
            return Err(BuildError::new(name, what));
        }
        if let Some(every) = self.poll {
            check_time(name, "poll", every)?;
        }
        if let WhileDown::Poll(every) = self.policy {
            check_time(name, "while_down: `Poll`", every)?;
        }
        check_time(name, "reload_interval", self.interval)?;
        check_time(name, "load_timeout", self.timeout)?;
        let (first, longest) = self.backoff;
        check_time(name, "backoff", first)?;
        check_time(name, "backoff", longest)?;
        if first > longest {
            let what =
                format!("backoff from {first:?} to {longest:?}: expected the longer one last");
            return Err(BuildError::new(name, what));
        }
        Ok(())
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("poll", &self.poll)
            .field("while_down", &self.policy)
            .finish_non_exhaustive()
    }
}
