//! Waiting for a condition. The deadline only ends a test that would hang; it asserts nothing about
//! speed.

use std::fmt::Debug;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long a test waits for a condition before it fails: 60 s, for a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(5);

/// Calls `probe` repeatedly until `satisfied` holds for its answer, and returns that answer.
///
/// # Panics
///
/// After [`DEADLINE`], with what was `expected` and the last answer.
pub async fn eventually<T: Debug>(
    expected: &str,
    mut probe: impl AsyncFnMut() -> T,
    satisfied: impl Fn(&T) -> bool,
) -> T {
    // Outside the future, so that it outlives the future that the deadline drops.
    let mut last = None;
    let poll = async {
        loop {
            let value = last.insert(probe().await);
            if satisfied(value) {
                return;
            }
            sleep(POLL).await;
        }
    };
    let in_time = timeout(DEADLINE, poll).await.is_ok();
    match last {
        Some(value) if in_time => value,
        last => panic!("expected {expected} within {DEADLINE:?}; last seen: {last:#?}"),
    }
}

/// Awaits `future`, at most until [`DEADLINE`].
///
/// # Panics
///
/// After [`DEADLINE`], with what was `expected`.
pub async fn within<F: Future>(expected: &str, future: F) -> F::Output {
    let Ok(output) = timeout(DEADLINE, future).await else {
        panic!("expected {expected} within {DEADLINE:?}");
    };
    output
}

/// Waits until `satisfied` holds for a watched value, such as the health of a bus.
///
/// # Panics
///
/// After [`DEADLINE`], or when no further value can come, with what was `expected` and the last
/// value.
pub async fn until<T: Debug>(
    expected: &str,
    watched: &mut watch::Receiver<T>,
    satisfied: impl Fn(&T) -> bool,
) {
    let wait = timeout(DEADLINE, watched.wait_for(|value| satisfied(value))).await;
    let seen = wait.is_ok_and(|value| value.is_ok());
    let last = watched.borrow();
    assert!(
        seen,
        "expected {expected} within {DEADLINE:?}; last seen: {last:#?}"
    );
}
