//! The caches under a concurrency checker: the shipped code, with the checker's locks and atomics
//! in place of std's, is run under thousands of schedules, and under each of them must keep to a
//! model.
//!
//!     bash tests/checker.sh
//!
//! The checker finds deadlocks and lost wake-ups by itself. `CHECKER_SCHEDULES` sets how many
//! schedules a scenario is run under, `CHECKER_SEED` which ones, and `CHECKER_OFF` a remedy to do
//! without. It takes all atomics for
//! sequentially consistent; the stress test covers weaker orderings.
#![cfg(shuttle)]

mod evictions;
mod expiry;
mod failures;
mod layers;
mod limits;
mod loss;
mod many;
mod plain;
mod waiting;
mod world;

use std::env;
use std::future::poll_fn;
use std::io::{Write, stdout};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use cache_runtime::__private::Remedy;
use shuttle::future::yield_now;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner};

/// The number of schedules of a scenario, for each of two schedulers.
const SCHEDULES: u64 = 1_000;
/// The depth of the second scheduler: the number of thread switches on which a failure may depend.
const DEPTH: usize = 3;

fn setting(variable: &str, default: u64) -> u64 {
    let number = |text: String| text.parse().expect("a number");
    env::var(variable).map_or(default, number)
}

/// Switches off what `CHECKER_OFF` names, to see that it is needed.
fn switch_off() {
    let Ok(off) = env::var("CHECKER_OFF") else {
        return;
    };
    let named = |remedy: &Remedy| format!("{remedy:?}") == off;
    let remedy = Remedy::ALL.into_iter().find(named);
    cache_runtime::__private::switch_off(&[remedy.expect("the name of a remedy")]);
}

/// Runs a scenario under many schedules.
fn explore(what: &str, scenario: impl Fn() + Send + Sync + 'static) {
    switch_off();
    let schedules = usize::try_from(setting("CHECKER_SCHEDULES", SCHEDULES)).expect("a count");
    let seed = setting("CHECKER_SEED", 1);
    let mut config = Config::new();
    // Tokio's code within a task needs more than the default.
    config.stack_size = 512 * 1024;
    config.max_steps = MaxSteps::FailAfter(100_000);
    config.silence_warnings = true;
    let scenario = Arc::new(scenario);
    let random = RandomScheduler::new_from_seed(seed, schedules);
    let priorities = PctScheduler::new_from_seed(seed, DEPTH, schedules);
    let explored = Runner::new(random, config.clone()).run({
        let scenario = Arc::clone(&scenario);
        move || scenario()
    }) + Runner::new(priorities, config).run(move || scenario());
    // Not through the test harness, which hides the output of passing tests.
    let _ = writeln!(stdout(), "checker: {what}: {explored} schedules");
}

/// Polls a future this many times, also if it was not woken, and then drops it.
async fn dropped_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(output);
        }
        yield_now().await;
    }
    None
}
