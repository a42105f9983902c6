//! Subscriptions that take effect before the call that asks for them returns.

use super::fixture::{A, At, CANARY, HEARTBEAT, LEASE, everyone, gapless, lease, live};
use crate::health::Health;
use crate::link::{Input, Output};

fn subscribing() -> At {
    let mut at = At::subscribing();
    at.feed(gapless(CANARY));
    at
}

#[test]
fn there_is_no_flush_before_the_first_live() {
    let mut at = subscribing();
    at.feed(gapless(A));
    let outputs = at.prove(0);
    assert_eq!(
        outputs,
        [lease(LEASE), live(A), Output::LinkHealth(Health::Live)]
    );
}

#[test]
fn a_message_that_came_before_is_a_gap() {
    let mut at = subscribing();
    assert!(!at.accepts(A));
    at.feed(gapless(A));
    assert!(at.prove(0).contains(&everyone(A)));
}

#[test]
fn a_loss_before_is_a_gap() {
    let mut at = subscribing();
    at.feed(Input::Overflow);
    at.feed(gapless(A));
    assert!(at.prove(0).contains(&everyone(A)));
}

#[test]
fn a_loss_after_is_flushed_and_ends() {
    let mut at = subscribing();
    at.feed(gapless(A));
    at.prove(0);
    at.feed(Input::Overflow);
    assert!(at.prove(1).contains(&everyone(A)));
    // The link's own channel is owed no flush.
    at.tick_after(HEARTBEAT);
    assert!(at.timeout() > Some(at.now));
}
