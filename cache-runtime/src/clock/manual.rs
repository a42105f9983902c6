//! A clock that tests move.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::kernel::{Nanos, nanos};
#[cfg(feature = "testing")]
use super::timers::{Sleep, Timers, Tracked};

/// A clock for tests that moves only when [`advance`](Self::advance) is called.
///
/// With it, entries of a cache expire in a test without waiting. Clones show the same time.
///
/// With the feature `testing`, one clock can be given to a bus, and all that is built on it:
/// `BusBuilder::clock`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{ManualClock, TtlCache};
///
/// # fn main() -> Result<(), cache_runtime::BuildError> {
/// let clock = ManualClock::new();
/// let cache = TtlCache::builder("cache", Duration::from_secs(60)).clock(&clock).build()?;
/// cache.insert("key".to_owned(), 1);
///
/// clock.advance(Duration::from_secs(59));
/// assert_eq!(cache.get("key"), Some(1));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(cache.get("key"), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ManualClock(Arc<Time>);

#[derive(Default)]
struct Time {
    now: AtomicU64,
    #[cfg(feature = "testing")]
    timers: Arc<Timers>,
    /// The runtime whose time this clock shows, and when it began.
    #[cfg(feature = "testing")]
    runtime: Option<(tokio::runtime::Handle, tokio::time::Instant)>,
}

impl ManualClock {
    /// A clock that shows zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward.
    ///
    /// A bus that it drives (`BusBuilder::clock`) does all that it does in this time, in order: it sends
    /// heartbeats, renews leases or lets them end, connects again, and sends again what is in the outbox.
    /// It has done so when this returns. So this blocks the thread: in an unoptimised build, for some tenths of
    /// a millisecond for each heartbeat and each bus. For hours or days, set a longer
    /// [heartbeat](crate::bus::BusBuilder::heartbeat) and [lease](crate::bus::BusBuilder::lease). Called
    /// by an inline subscriber or an `evict` function, it only moves the clock.
    ///
    /// # Panics
    ///
    /// If the clock [follows Tokio's time](Self::following_tokio), or if a bus is not done after 30 s.
    #[cfg(feature = "testing")]
    pub fn advance(&self, by: Duration) {
        assert!(
            self.0.runtime.is_none(),
            "this clock follows Tokio's time: move that, with `tokio::time::sleep` or \
             `tokio::time::advance`"
        );
        self.0.timers.pass(&self.0.now, nanos(by));
    }

    /// Moves the clock forward.
    #[cfg(not(feature = "testing"))]
    pub fn advance(&self, by: Duration) {
        self.0.now.fetch_add(nanos(by), Ordering::SeqCst);
    }

    /// A clock that shows the time of the Tokio runtime in which it is made, from zero. It is for tests
    /// whose time is paused, with `#[tokio::test(start_paused = true)]` or `tokio::time::pause`.
    ///
    /// A bus that it drives runs in that runtime. While all tasks of the runtime wait, Tokio moves the
    /// time from one timer to the next: in `tokio::time::sleep(minute).await` all heartbeats of a minute
    /// are sent, and leases are renewed. `tokio::time::advance` moves the time at once, as if the process
    /// had been stopped meanwhile: leases that are shorter end.
    ///
    /// What goes on in other threads, such as those of handlers that are no async functions, is not
    /// waited for: time may pass meanwhile. The runtime has to have a single thread
    /// (`flavor = "current_thread"`, as tests have by default) if its time is paused.
    ///
    /// # Panics
    ///
    /// If it is called outside of a Tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cache_runtime::dedup::Reservation;
    /// use cache_runtime::{Bus, Dedup, ManualClock};
    ///
    /// // In a test: `#[tokio::test(start_paused = true)]`
    /// #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let clock = ManualClock::following_tokio();
    ///     let bus = Bus::local().clock(&clock).connect().await?;
    ///     let requests = Dedup::builder(&bus, "requests").build()?; // reserves for 5 s
    ///     assert_eq!(requests.reserve("42", "bot-1").await?, Reservation::Reserved);
    ///
    ///     tokio::time::sleep(Duration::from_secs(5)).await; // takes no time
    ///     assert_eq!(requests.reserve("42", "bot-1").await?, Reservation::Reserved);
    ///     Ok(())
    /// }
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn following_tokio() -> Self {
        let runtime = tokio::runtime::Handle::current();
        Self(Arc::new(Time {
            runtime: Some((runtime, tokio::time::Instant::now())),
            ..Time::default()
        }))
    }

    /// How far the clock has been moved since it was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now())
    }

    pub(crate) fn now(&self) -> Nanos {
        #[cfg(feature = "testing")]
        if let Some((runtime, begun)) = &self.0.runtime {
            let _entered = runtime.enter();
            return nanos(begun.elapsed());
        }
        self.0.now.load(Ordering::SeqCst)
    }
}

/// What a bus needs of the clock that drives it.
#[cfg(feature = "testing")]
impl ManualClock {
    /// The runtime whose time the clock shows, if it does.
    pub(crate) fn runtime(&self) -> Option<&tokio::runtime::Handle> {
        self.0.runtime.as_ref().map(|(runtime, _)| runtime)
    }

    /// Waits until a time has passed. For a clock that follows no runtime.
    pub(crate) fn sleep(&self, time: Duration) -> Sleep {
        let until = self.now().saturating_add(nanos(time));
        let clock = self.clone();
        Sleep::new(&self.0.timers, until, move || clock.now())
    }

    /// A task whose work is done when [`advance`](Self::advance) returns. It must not run in the thread
    /// that calls `advance`.
    pub(crate) fn track<F: Future>(&self, task: F) -> Tracked<F> {
        Tracked::new(&self.0.timers, task)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.elapsed()).finish()
    }
}
