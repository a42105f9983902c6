//! Rejected messages, and their flushes.

use super::fixture::{A, At, HEARTBEAT, INTERVAL, down, everyone, live};
use crate::health::{Cause, Health};
use crate::link::{Input, Output};

#[test]
fn the_first_is_flushed_at_once() {
    let mut at = At::live();
    assert_eq!(at.feed(Input::Rejected(A)), [everyone(A)]);
    assert_eq!(at.link.health(), &Health::Live);
}

#[test]
fn more_share_a_flush_at_the_end_and_the_channel_is_not_live_before() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    assert_eq!(
        at.later(1).feed(Input::Rejected(A)),
        [
            down(A, Cause::Rejected),
            Output::LinkHealth(Health::Down(Cause::Rejected))
        ]
    );
    assert_eq!(at.later(1).feed(Input::Rejected(A)), []);
    at.tick_after(HEARTBEAT - 2);
    assert_eq!(at.timeout(), Some(INTERVAL));
    let outputs = at.tick_after(INTERVAL - HEARTBEAT);
    assert_eq!(outputs[1..3], [everyone(A), live(A)]);
}

#[test]
fn the_flush_at_the_end_opens_another_window() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    at.feed(Input::Rejected(A));
    at.tick_after(INTERVAL);
    at.feed(Input::Canary(1));
    assert_eq!(
        at.later(1).feed(Input::Rejected(A))[0],
        down(A, Cause::Rejected)
    );
    assert!(at.tick_after(INTERVAL - 1).contains(&everyone(A)));
}

#[test]
fn after_a_quiet_window_the_next_is_flushed_at_once() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    assert!(!at.tick_after(INTERVAL).contains(&everyone(A)));
    assert_eq!(at.feed(Input::Rejected(A)), [everyone(A)]);
}

#[test]
fn a_loss_covers_the_flush_that_is_owed() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    at.feed(Input::Rejected(A));
    at.feed(Input::Overflow);
    let outputs = at.feed(Input::Canary(1));
    assert_eq!(outputs[1..3], [everyone(A), live(A)]);
    assert!(!at.tick_after(INTERVAL).contains(&everyone(A)));
}

#[test]
fn one_flush_is_enough_for_them_and_a_loss() {
    let mut at = At::overflowed();
    at.feed(Input::Rejected(A));
    at.feed(Input::Rejected(A));
    assert!(!at.feed(Input::Canary(1)).contains(&live(A)));
    let outputs = at.tick_after(INTERVAL);
    let flushes = outputs.iter().filter(|output| **output == everyone(A));
    assert_eq!(flushes.count(), 1);
    assert!(outputs.contains(&live(A)));
}
