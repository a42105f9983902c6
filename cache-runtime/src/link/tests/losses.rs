//! What follows when events may have been lost.

use super::fixture::{A, At, CANARY, HEARTBEAT, LEASE, down, everyone, lease, live, ms};
use crate::health::{Cause, Health};
use crate::link::{Audience, FlushCause, Input, Output};

#[test]
fn health_comes_first_and_the_flush_second() {
    let mut at = At::live();
    assert_eq!(
        at.feed(Input::Disconnected(Cause::Disconnected)),
        [
            Output::LinkHealth(Health::Down(Cause::Disconnected)),
            Output::Disconnect,
            down(A, Cause::Disconnected),
            Output::Flush(A, Audience::Inline, FlushCause::Down)
        ]
    );
}

#[test]
fn a_short_one_flushes_handlers_once_and_just_before_live() {
    let mut at = At::live();
    at.feed(Input::Disconnected(Cause::Disconnected));
    let wait = at.wait_for_connect();
    assert!(wait <= ms(20));
    assert_eq!(
        at.reconnect(1),
        [
            lease(at.now + LEASE),
            everyone(A),
            live(A),
            Output::LinkHealth(Health::Live)
        ]
    );
}

#[test]
fn a_long_one_flushes_handlers_after_a_lease_as_well() {
    let mut at = At::live();
    at.feed(Input::Disconnected(Cause::Disconnected));
    at.tick_after(20);
    assert_eq!(at.timeout(), Some(LEASE));
    assert_eq!(
        at.tick_after(LEASE - 20),
        [Output::Flush(A, Audience::Handlers, FlushCause::Down)]
    );
    assert_eq!(at.timeout(), None);
    assert!(at.reconnect(1).contains(&everyone(A)));
}

#[test]
fn one_on_top_of_another_changes_the_cause_only() {
    let mut at = At::overflowed();
    let refused = Cause::Unreachable("closed".into());
    assert_eq!(
        at.feed(Input::Disconnected(refused.clone())),
        [
            Output::LinkHealth(Health::Down(refused.clone())),
            Output::Disconnect,
            down(A, refused.clone())
        ]
    );
}

#[test]
fn an_unrequested_unsubscription_ends_the_connection() {
    for id in [A, CANARY] {
        let mut at = At::live();
        let outputs = at.feed(Input::Unsubscribed(id));
        assert_eq!(outputs[1], Output::Disconnect);
        assert_eq!(outputs[2], down(A, Cause::Unsubscribed));
    }
}

#[test]
fn an_overflow_keeps_the_subscriptions_but_needs_another_canary() {
    let mut at = At::live();
    assert_eq!(
        at.feed(Input::Overflow),
        [
            Output::LinkHealth(Health::Down(Cause::Overflow)),
            down(A, Cause::Overflow),
            Output::Flush(A, Audience::Inline, FlushCause::Down),
            Output::SendCanary(1)
        ]
    );
    assert!(at.accepts(A));
    assert_eq!(
        at.prove(1),
        [
            lease(LEASE),
            everyone(A),
            live(A),
            Output::LinkHealth(Health::Live)
        ]
    );
}

#[test]
fn a_canary_on_its_way_does_not_prove_what_comes_after_an_overflow() {
    let mut at = At::live();
    assert_eq!(at.tick_after(HEARTBEAT), [Output::SendCanary(1)]);
    at.feed(Input::Overflow);
    assert_eq!(at.prove(1), []);
    assert!(at.prove(2).contains(&live(A)));
}
