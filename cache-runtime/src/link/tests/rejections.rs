//! Rejected messages, and their flushes.

use super::fixture::{A, At, INTERVAL, everyone, live};
use crate::health::Health;
use crate::link::{Audience, FlushCause, Input, Output};

const INLINE: Output = Output::Flush(A, Audience::Inline, FlushCause::Rejected);
const HANDLERS: Output = Output::Flush(A, Audience::Handlers, FlushCause::Rejected);
const EVERYONE: Output = Output::Flush(A, Audience::Everyone, FlushCause::Rejected);

#[test]
fn the_first_flushes_everyone_at_once() {
    let mut at = At::live();
    assert_eq!(at.feed(Input::Rejected(A)), [EVERYONE]);
    assert_eq!(at.link.health(), &Health::Live);
}

#[test]
fn each_flushes_caches_at_once_and_the_channel_stays_live() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    for _ in 0..100 {
        assert_eq!(at.later(1).feed(Input::Rejected(A)), [INLINE]);
        assert_eq!(at.link.health(), &Health::Live);
    }
}

#[test]
fn those_that_follow_share_a_flush_of_handlers_at_the_end() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    at.later(1).feed(Input::Rejected(A));
    at.later(1).feed(Input::Rejected(A));
    let outputs = at.tick_after(INTERVAL - 2);
    let flushes = |wanted| outputs.iter().filter(|output| **output == wanted).count();
    assert_eq!((flushes(HANDLERS), flushes(INLINE)), (1, 0));
}

#[test]
fn the_flush_at_the_end_opens_another_window() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    at.feed(Input::Rejected(A));
    at.tick_after(INTERVAL);
    at.prove(1);
    assert_eq!(at.later(1).feed(Input::Rejected(A)), [INLINE]);
    assert!(at.tick_after(INTERVAL - 1).contains(&HANDLERS));
}

#[test]
fn after_a_quiet_window_the_next_flushes_everyone_at_once() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    assert!(!at.tick_after(INTERVAL).contains(&HANDLERS));
    assert_eq!(at.feed(Input::Rejected(A)), [EVERYONE]);
}

#[test]
fn a_loss_covers_the_flush_that_is_owed() {
    let mut at = At::live();
    at.feed(Input::Rejected(A));
    at.feed(Input::Rejected(A));
    at.feed(Input::Overflow);
    let outputs = at.prove(1);
    assert_eq!(outputs[1..3], [everyone(A), live(A)]);
    assert!(!at.tick_after(INTERVAL).contains(&HANDLERS));
}
