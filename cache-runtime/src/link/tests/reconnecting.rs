//! The waits between attempts to connect.

use std::time::Duration;

use super::fixture::{A, At, BACKOFF_MAX, ms, primary, timings};
use crate::health::Cause;
use crate::link::{Input, Link, Timings};

/// The waits of twelve attempts that all fail.
fn waits(seed: u64) -> Vec<Duration> {
    let mut at = At {
        link: Link::new(Timings { seed, ..timings() }),
        now: 0,
    };
    at.feed(Input::Subscribe(A));
    std::iter::repeat_with(|| {
        at.feed(Input::Disconnected(Cause::Disconnected));
        at.wait_for_connect()
    })
    .take(12)
    .collect()
}

#[test]
fn waits_double_up_to_a_limit_and_half_of_each_is_chance() {
    for seed in 0..100 {
        for (attempt, wait) in (0..).zip(waits(seed)) {
            let longest = ms(20 << attempt).min(ms(BACKOFF_MAX));
            assert!(wait <= longest, "attempt {attempt}: {wait:?}");
            // `At` counts whole milliseconds.
            assert!(wait + ms(1) >= longest / 2, "attempt {attempt}: {wait:?}");
        }
    }
}

#[test]
fn the_seed_decides() {
    assert_eq!(waits(7), waits(7));
    assert_ne!(waits(7), waits(8));
}

#[test]
fn a_canary_makes_waits_short_again_and_a_connection_alone_does_not() {
    let mut at = At::live();
    for _ in 0..8 {
        at.feed(Input::Disconnected(Cause::Disconnected));
        at.wait_for_connect();
        at.feed(Input::Connected(primary()));
    }
    at.feed(Input::Disconnected(Cause::Disconnected));
    assert!(at.wait_for_connect() >= ms(BACKOFF_MAX / 2 - 1));
    at.reconnect(1);
    at.feed(Input::Disconnected(Cause::Disconnected));
    assert!(at.wait_for_connect() <= ms(20));
}
