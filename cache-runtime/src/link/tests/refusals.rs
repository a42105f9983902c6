//! Subscriptions that the server refuses.

use super::fixture::{A, At, B, BACKOFF_MAX, CANARY, HEARTBEAT, confirmed, down, live, refusal};
use crate::health::{Cause, Health};
use crate::link::{Input, Output};

#[test]
fn a_refused_channel_does_not_hold_up_the_others() {
    let mut at = At::subscribing();
    at.feed(Input::Subscribe(B));
    at.feed(confirmed(CANARY));
    at.feed(confirmed(A));
    assert_eq!(
        at.feed(Input::Refused(B, refusal())),
        [
            Output::LinkHealth(Health::Down(refusal())),
            Output::SendCanary(0),
            down(B, refusal())
        ]
    );
    assert!(at.prove(0).contains(&live(A)));
}

#[test]
fn a_refused_channel_is_tried_again_and_still_holds_up_nobody() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    at.feed(Input::Refused(B, refusal()));
    at.tick_after(HEARTBEAT);
    assert_eq!(at.timeout(), Some(BACKOFF_MAX));
    assert_eq!(
        at.tick_after(BACKOFF_MAX - HEARTBEAT),
        [Output::Subscribe(B), Output::SendCanary(2)]
    );
    at.feed(confirmed(B));
    assert!(at.prove(3).contains(&live(B)));
}

#[test]
fn a_node_that_may_be_about_to_serve_the_slot_is_asked_again_soon_and_flushes_nobody() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    let moved = || Cause::Moved("slot 1".into());
    at.feed(Input::Refused(B, moved()));
    for canary in 1..4 {
        assert_eq!(
            at.tick_after(HEARTBEAT),
            [Output::Subscribe(B), Output::SendCanary(canary)]
        );
        assert_eq!(at.feed(Input::Refused(B, moved())), []);
        at.prove(canary);
    }
}

#[test]
fn a_refused_canary_is_the_cause_for_all_and_is_tried_again() {
    let mut at = At::subscribing();
    at.feed(confirmed(A));
    assert_eq!(
        at.feed(Input::Refused(CANARY, refusal())),
        [
            Output::LinkHealth(Health::Down(refusal())),
            down(A, refusal())
        ]
    );
    assert_eq!(at.timeout(), Some(BACKOFF_MAX));
    assert_eq!(at.tick_after(BACKOFF_MAX), [Output::Subscribe(CANARY)]);
    assert_eq!(at.feed(confirmed(CANARY)), [Output::SendCanary(0)]);
    assert!(at.prove(0).contains(&live(A)));
}

#[test]
fn who_comes_back_while_a_refused_channel_is_tried_again_is_told_why() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    at.feed(Input::Refused(B, refusal()));
    let outputs = at.tick_after(BACKOFF_MAX);
    assert!(outputs.contains(&Output::Subscribe(B)));
    at.feed(Input::Unsubscribe(B));
    assert!(at.feed(Input::Subscribe(B)).contains(&down(B, refusal())));
}

#[test]
fn nobody_waits_for_a_refused_channel_that_is_no_longer_wanted() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    at.feed(Input::Refused(B, refusal()));
    assert_eq!(
        at.feed(Input::Unsubscribe(B)),
        [
            Output::ChannelHealth(B, Health::Idle),
            Output::LinkHealth(Health::Live)
        ]
    );
}
