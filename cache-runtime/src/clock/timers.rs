//! The timers of a clock that tests move, and the tasks that it drives.
//!
//! A task is busy from when it is woken until a poll of it returns without having been woken again. So while
//! no task is busy, nothing happens until a timer fires or the test does something. `pass` moves the time to
//! one timer after the other, and waits in between until no task is busy. It is what Tokio does while time is
//! paused, for tasks on another thread.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::task::coop::{Unconstrained, unconstrained};

use super::kernel::Nanos;
use crate::sync::Mutex;

/// How long tasks may be busy. It only ends a test that would hang.
const LIMIT: Duration = Duration::from_secs(30);

thread_local! {
    /// Whether a driven task is being polled on this thread.
    static POLLING: Cell<bool> = const { Cell::new(false) };
}

#[derive(Default)]
pub(super) struct Timers {
    state: Mutex<State>,
    /// No task is busy any more.
    idle: Condvar,
    /// Held by whoever moves the time.
    turn: Mutex<()>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<(Nanos, u64), Waker>,
    /// The number of the latest timer.
    number: u64,
    /// How many tasks are busy.
    busy: usize,
    /// How far the clock is moved by all calls so far. What fires on the way may move it further.
    target: Nanos,
}

impl Timers {
    /// Lets time pass.
    pub(super) fn pass(&self, now: &AtomicU64, by: Nanos) {
        let move_by = |state: &mut State| state.target = state.target.saturating_add(by);
        if POLLING.get() {
            // The caller is a driven task, which cannot wait for itself.
            let mut state = self.state.lock();
            move_by(&mut state);
            let at = now.load(Ordering::SeqCst).saturating_add(by);
            return Self::fire(state, now, at);
        }
        let _turn = self.turn.lock();
        move_by(&mut self.state.lock());
        loop {
            let state = self.until_idle();
            let next = state.waiting.keys().next().map(|(at, _)| *at);
            let next = next.filter(|at| *at <= state.target);
            let at = next.unwrap_or(state.target);
            Self::fire(state, now, at);
            if next.is_none() {
                break;
            }
        }
        drop(self.until_idle());
    }

    /// Moves the time, and wakes those whose time has come.
    fn fire(mut state: MutexGuard<'_, State>, now: &AtomicU64, at: Nanos) {
        // Under the lock, so that no timer is added in between.
        let now = now.fetch_max(at, Ordering::SeqCst).max(at);
        let later = state.waiting.split_off(&(now.saturating_add(1), 0));
        let due = std::mem::replace(&mut state.waiting, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
    }

    fn until_idle(&self) -> MutexGuard<'_, State> {
        let begun = Instant::now();
        let mut state = self.state.lock();
        while state.busy > 0 {
            let left = LIMIT.saturating_sub(begun.elapsed());
            assert!(
                !left.is_zero(),
                "a bus that this clock drives is not done after {LIMIT:?}: does an inline subscriber or an \
                 `evict` function wait for the thread that advances the clock?"
            );
            let waited = self.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    fn begin(&self) {
        self.state.lock().busy += 1;
    }

    fn end(&self) {
        let mut state = self.state.lock();
        state.busy -= 1;
        if state.busy == 0 {
            self.idle.notify_all();
        }
    }
}

/// Waits for a time.
pub(crate) struct Sleep {
    timers: Arc<Timers>,
    until: Nanos,
    now: Box<dyn Fn() -> Nanos + Send + Sync>,
    /// The number of the timer, while it waits.
    number: Option<u64>,
}

impl Sleep {
    pub(super) fn new(
        timers: &Arc<Timers>,
        until: Nanos,
        now: impl Fn() -> Nanos + Send + Sync + 'static,
    ) -> Self {
        Self {
            timers: Arc::clone(timers),
            until,
            now: Box::new(now),
            number: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut state = this.timers.state.lock();
        if (this.now)() >= this.until {
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            state.number += 1;
            state.number
        });
        let waker = cx.waker().clone();
        state.waiting.insert((this.until, number), waker);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut state = self.timers.state.lock();
            let waker = state.waiting.remove(&(self.until, number));
            drop(state);
            drop(waker);
        }
    }
}

/// A task that a clock drives. Tokio does not make it yield, because it would then wake the task later, and
/// the task would seem to be idle.
pub(crate) struct Tracked<F> {
    task: Pin<Box<Unconstrained<F>>>,
    activity: Arc<Activity>,
}

/// Whether a task is busy.
struct Activity {
    timers: Arc<Timers>,
    state: Mutex<Awake>,
}

#[derive(Default)]
struct Awake {
    is_busy: bool,
    was_woken: bool,
    waker: Option<Waker>,
}

impl<F> Tracked<F> {
    pub(super) fn new(timers: &Arc<Timers>, task: F) -> Self {
        let activity = Arc::new(Activity {
            timers: Arc::clone(timers),
            state: Mutex::default(),
        });
        // It is going to be polled.
        activity.set(&mut activity.state.lock(), true);
        Self {
            task: Box::pin(unconstrained(task)),
            activity,
        }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let activity = Arc::clone(&self.activity);
        {
            let mut state = activity.state.lock();
            activity.set(&mut state, true);
            state.was_woken = false;
            state.waker = Some(cx.waker().clone());
        }
        let waker = Waker::from(Arc::clone(&activity));
        let polled = {
            let _polling = Polling(POLLING.replace(true));
            self.task.as_mut().poll(&mut Context::from_waker(&waker))
        };
        let mut state = activity.state.lock();
        if polled.is_ready() {
            state.waker = None;
        }
        if polled.is_ready() || !state.was_woken {
            activity.set(&mut state, false);
        }
        polled
    }
}

/// Until it is dropped, also by a panic, a task is being polled. With what was so before.
struct Polling(bool);

impl Drop for Polling {
    fn drop(&mut self) {
        POLLING.set(self.0);
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        let mut state = self.activity.state.lock();
        state.waker = None;
        self.activity.set(&mut state, false);
    }
}

impl Activity {
    fn set(&self, state: &mut Awake, is_busy: bool) {
        if state.is_busy != is_busy {
            state.is_busy = is_busy;
            if is_busy {
                self.timers.begin();
            } else {
                self.timers.end();
            }
        }
    }
}

impl Wake for Activity {
    fn wake(self: Arc<Self>) {
        let mut state = self.state.lock();
        state.was_woken = true;
        let waker = state.waker.clone();
        // A task that has ended is woken no more.
        if waker.is_some() {
            self.set(&mut state, true);
        }
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::clock::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    /// Runs a driven task on another thread.
    fn run(clock: &ManualClock, task: impl Future<Output = ()> + Send + 'static) {
        let task = clock.track(task);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        std::thread::spawn(move || runtime.unwrap().block_on(task));
    }

    /// Lets a task be polled again.
    async fn again() {
        let mut is_first = true;
        poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            if std::mem::take(&mut is_first) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    #[test]
    fn each_timer_fires_at_its_own_time_and_is_handled_before_the_next() {
        let clock = ManualClock::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        for (name, every) in [("two", 2), ("three", 3)] {
            let (driven, seen) = (clock.clone(), Arc::clone(&seen));
            run(&clock, async move {
                loop {
                    driven.sleep(every * SECOND).await;
                    // What it does takes several polls.
                    for _ in 0..500 {
                        again().await;
                        tokio::task::coop::consume_budget().await;
                    }
                    seen.lock().push((driven.elapsed().as_secs(), name));
                }
            });
        }
        clock.advance(6 * SECOND);
        let mut seen = std::mem::take(&mut *seen.lock());
        // Both are due after 6 s, in any order.
        seen[3..].sort_unstable();
        let expected = [
            (2, "two"),
            (3, "three"),
            (4, "two"),
            (6, "three"),
            (6, "two"),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_task_that_another_one_wakes_is_waited_for() {
        let clock = ManualClock::new();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let done = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&done);
        run(&clock, async move {
            while receiver.recv().await.is_some() {
                std::thread::sleep(Duration::from_millis(20));
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        let driven = clock.clone();
        run(&clock, async move {
            loop {
                driven.sleep(SECOND).await;
                sender.send(()).unwrap();
            }
        });
        for n in 1..5 {
            clock.advance(SECOND);
            assert_eq!(done.load(Ordering::SeqCst), n);
        }
    }

    #[test]
    fn a_timer_that_is_dropped_leaves_nothing_behind() {
        let clock = ManualClock::new();
        let timers = Arc::new(Timers::default());
        let mut sleep = Sleep::new(&timers, 1, move || clock.now());
        let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_pending());
        assert_eq!(timers.state.lock().waiting.len(), 1);
        drop(sleep);
        assert!(timers.state.lock().waiting.is_empty());
    }

    #[test]
    fn a_task_that_panics_or_is_dropped_is_not_waited_for() {
        let clock = ManualClock::new();
        drop(clock.track(std::future::pending::<()>()));
        let mut panics = clock.track(poll_fn(|_| -> Poll<()> { panic!("as the test wants it") }));
        let mut context = Context::from_waker(Waker::noop());
        let poll = std::panic::AssertUnwindSafe(|| Pin::new(&mut panics).poll(&mut context));
        assert!(std::panic::catch_unwind(poll).is_err());
        drop(panics);
        clock.advance(SECOND);
        assert!(!POLLING.get());
    }
}
