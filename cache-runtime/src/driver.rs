//! What drives a bus: the clock of its leases, its timers, and where its tasks run.
//!
//! It is the kernel's clock, and the thread for I/O. With the feature `testing`, it may be a clock that a test
//! moves, or Tokio's time in the runtime of a test, where the tasks then run too.

use std::time::Duration;

use tokio::task::JoinHandle;

#[cfg(feature = "testing")]
use crate::clock::ManualClock;
use crate::clock::{self, Instant, Nanos};
use crate::io_thread;

/// What a manual clock shows when it has not been moved. Some times are stored with 0 for "never".
#[cfg(feature = "testing")]
const BEGINNING: Nanos = 1_000_000_000;

/// When the clocks of tests began.
#[cfg(feature = "testing")]
static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

/// What drives a bus.
#[derive(Debug, Clone, Default)]
pub(crate) struct Driver {
    #[cfg(feature = "testing")]
    clock: Option<ManualClock>,
}

/// The limit has passed.
#[derive(Debug)]
pub(crate) struct Elapsed;

/// In a build without tests of programs, there is nothing to choose.
#[cfg_attr(
    not(feature = "testing"),
    expect(clippy::unused_self, reason = "only tests choose")
)]
impl Driver {
    /// The time on the clock of leases.
    pub(crate) fn now(&self) -> Nanos {
        #[cfg(feature = "testing")]
        if let Some(clock) = &self.clock {
            return BEGINNING + clock.now();
        }
        clock::asleep_too()
    }

    /// The time for waits.
    pub(crate) fn instant(&self) -> Instant {
        #[cfg(feature = "testing")]
        if let Some(clock) = &self.clock {
            return *BEGUN + clock.elapsed();
        }
        Instant::now()
    }

    /// As [`instant`](Self::instant), as Tokio's runtime of the caller tells it.
    pub(crate) fn tokio_instant(&self) -> tokio::time::Instant {
        #[cfg(feature = "testing")]
        if self.clock.is_some() {
            return self.instant().into();
        }
        tokio::time::Instant::now()
    }

    /// Runs a task. `None` if there is no thread for it.
    pub(crate) fn spawn<F>(&self, task: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        #[cfg(feature = "testing")]
        if let Some(clock) = &self.clock {
            return match clock.runtime() {
                Some(runtime) => Some(runtime.spawn(task)),
                None => io_thread::spawn(clock.track(task)),
            };
        }
        io_thread::spawn(task)
    }

    /// Lets the clock of a test wait for a task that another task runs.
    #[cfg(feature = "testing")]
    pub(crate) fn track<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        use futures_util::future::Either;

        let clock = self.clock.as_ref();
        match clock.filter(|clock| clock.runtime().is_none()) {
            Some(clock) => Either::Left(clock.track(task)),
            None => Either::Right(task),
        }
    }

    /// Lets the clock of a test wait for a task that another task runs.
    #[cfg(not(feature = "testing"))]
    pub(crate) fn track<F: Future>(&self, task: F) -> F {
        task
    }

    /// Waits until a time has passed.
    pub(crate) async fn sleep(&self, time: Duration) {
        #[cfg(feature = "testing")]
        if let Some(clock) = &self.clock {
            return testing::sleep(clock, time).await;
        }
        io_thread::sleep(time).await;
    }

    /// Awaits a future for at most this time.
    pub(crate) async fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        #[cfg(feature = "testing")]
        if let Some(clock) = &self.clock {
            return testing::timeout(clock, limit, future).await;
        }
        io_thread::timeout(limit, future).await.map_err(|_| Elapsed)
    }

    /// As [`timeout`](Self::timeout), for tasks of this driver.
    pub(crate) async fn timeout_within<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        #[cfg(feature = "testing")]
        if let Some(clock) = &self.clock {
            return testing::timeout(clock, limit, future).await;
        }
        let timeout = tokio::time::timeout(limit, future);
        timeout.await.map_err(|_| Elapsed)
    }
}

#[cfg(feature = "testing")]
mod testing {
    use std::pin::pin;
    use std::time::Duration;

    use futures_util::future::{Either, select};

    use super::{Driver, Elapsed};
    use crate::clock::ManualClock;

    impl Driver {
        pub(crate) fn by(clock: &ManualClock) -> Self {
            Self {
                clock: Some(clock.clone()),
            }
        }

        /// The clock of the test, if there is one.
        pub(crate) fn clock(&self) -> Option<&ManualClock> {
            self.clock.as_ref()
        }
    }

    pub(super) async fn sleep(clock: &ManualClock, time: Duration) {
        match clock.runtime() {
            None => clock.sleep(time).await,
            Some(runtime) => {
                let sleep = {
                    let _entered = runtime.enter();
                    tokio::time::sleep(time)
                };
                sleep.await;
            }
        }
    }

    pub(super) async fn timeout<F: Future>(
        clock: &ManualClock,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        // The future first, as Tokio does.
        match select(pin!(future), pin!(sleep(clock, limit))).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => Err(Elapsed),
        }
    }
}
