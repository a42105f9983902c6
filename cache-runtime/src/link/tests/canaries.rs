//! Canaries, and the lease that they renew.

use super::fixture::{
    A, At, CANARY, HEARTBEAT, LEASE, confirmed, down, lease, live, ms, primary, refusal, timings,
};
use crate::health::Cause;
use crate::link::{Audience, FlushCause, Input, Link, Output, Proven, Timings};

#[test]
fn one_a_heartbeat() {
    let mut at = At::live();
    assert_eq!(at.timeout(), Some(HEARTBEAT));
    assert_eq!(at.tick_after(HEARTBEAT - 1), []);
    assert_eq!(at.tick_after(1), [Output::SendCanary(1)]);
    assert_eq!(at.timeout(), Some(2 * HEARTBEAT));
}

#[test]
fn the_lease_counts_from_when_it_was_sent() {
    let mut at = At::live();
    at.tick_after(HEARTBEAT);
    assert_eq!(at.later(300).prove(1), [lease(HEARTBEAT + LEASE)]);
}

#[test]
fn without_one_the_lease_ends_the_connection() {
    let mut at = At::live();
    for _ in 0..3 {
        at.tick_after(HEARTBEAT);
    }
    assert_eq!(at.timeout(), Some(LEASE));
    let outputs = at.tick_after(HEARTBEAT);
    assert_eq!(
        outputs[1..4],
        [
            Output::Disconnect,
            down(A, Cause::LeaseExpired),
            Output::Flush(A, Audience::Inline, FlushCause::Down)
        ]
    );
}

#[test]
fn what_kept_it_from_being_sent_is_the_cause() {
    let mut at = At::live();
    assert_eq!(at.feed(Input::CanaryFailed(refusal())), []);
    let outputs = at.tick_after(LEASE);
    assert_eq!(outputs[2], down(A, refusal()));
}

#[test]
fn the_cause_is_kept_until_there_is_a_connection_or_one_comes_back() {
    let mut at = At::live();
    assert_eq!(at.link.cause(), None);
    at.feed(Input::CanaryFailed(refusal()));
    assert_eq!(at.link.cause(), Some(&refusal()));
    at.tick_after(HEARTBEAT);
    at.prove(1);
    assert_eq!(at.link.cause(), None);
    at.feed(Input::Disconnected(Cause::Disconnected));
    at.wait_for_connect();
    assert_eq!(at.link.cause(), Some(&Cause::Disconnected));
    at.feed(Input::Connected(primary()));
    assert_eq!(at.link.cause(), None);
}

#[test]
fn what_is_proven_counts_from_the_first_since_a_loss() {
    let proven = |since, canary| {
        let since = ms(since);
        Some(Proven { since, canary })
    };
    let mut at = At::live();
    at.tick_after(HEARTBEAT);
    at.prove(1);
    assert_eq!(at.link.proven(), proven(0, 1));
    at.feed(Input::Overflow);
    assert_eq!(at.link.proven(), None);
    at.later(1).prove(2);
    assert_eq!(at.link.proven(), proven(HEARTBEAT + 1, 2));
}

#[test]
fn a_connection_on_which_none_ever_comes_back_ends_however_many_are_sent() {
    let many = Timings {
        lease: 100 * timings().heartbeat,
        ..timings()
    };
    let mut at = At {
        link: Link::new(many),
        now: 0,
    };
    at.feed(Input::Subscribe(A));
    at.feed(Input::Connected(primary()));
    at.feed(confirmed(CANARY));
    at.feed(confirmed(A));
    for _ in 1..100 {
        assert!(matches!(
            at.tick_after(HEARTBEAT)[..],
            [Output::SendCanary(_)]
        ));
    }
    assert_eq!(at.tick_after(HEARTBEAT)[1], Output::Disconnect);
}

#[test]
fn a_late_one_proves_nothing() {
    let mut at = At::subscribing();
    at.feed(confirmed(CANARY));
    at.feed(confirmed(A));
    let outputs = at.later(LEASE).prove(0);
    assert_eq!(outputs[1], Output::Disconnect);
    assert!(!outputs.contains(&live(A)));
}

#[test]
fn one_of_an_earlier_connection_proves_nothing() {
    let mut at = At::live();
    at.tick_after(HEARTBEAT);
    at.feed(Input::Disconnected(Cause::Disconnected));
    at.wait_for_connect();
    assert_eq!(at.reconnect(1), []);
    assert!(at.prove(2).contains(&live(A)));
}

#[test]
fn a_later_one_proves_what_an_earlier_one_would() {
    let mut at = At::overflowed();
    at.tick_after(HEARTBEAT);
    assert!(at.prove(2).contains(&live(A)));
    assert_eq!(at.prove(1), []);
    assert_eq!(at.prove(2), []);
}
