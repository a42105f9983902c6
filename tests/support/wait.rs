//! Waiting for a condition. The deadline only ends a test that would hang; it asserts nothing about
//! speed.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long a test waits for what must happen before it gives up: generous, for a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(5);

/// Asks `probe` again and again until `satisfied` holds for its answer, which is returned.
///
/// # Panics
///
/// After [`DEADLINE`], with what was `expected` and the last answer.
pub async fn eventually<T: Debug>(
    expected: &str,
    mut probe: impl AsyncFnMut() -> T,
    satisfied: impl Fn(&T) -> bool,
) -> T {
    // Kept outside the future, so that it is at hand when the deadline drops the future.
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

/// Awaits `future`.
///
/// # Panics
///
/// After [`DEADLINE`], with what was `expected` of it.
pub async fn within<F: Future>(expected: &str, future: F) -> F::Output {
    let Ok(output) = timeout(DEADLINE, future).await else {
        panic!("expected {expected} within {DEADLINE:?}");
    };
    output
}
