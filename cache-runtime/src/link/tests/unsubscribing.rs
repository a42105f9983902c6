//! Channels that lose their last subscriber.

use super::fixture::{A, At, B, confirmed, everyone, live};
use crate::health::{Cause, Health};
use crate::link::{Input, Output};

#[test]
fn a_subscription_that_is_unwanted_before_it_is_confirmed_ends_afterwards() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    assert_eq!(
        at.feed(Input::Unsubscribe(B)),
        [Output::LinkHealth(Health::Live)]
    );
    assert!(at.feed(confirmed(B)).contains(&Output::Unsubscribe(B)));
    assert!(
        at.feed(Input::Unsubscribed(B))
            .contains(&Output::ChannelHealth(B, Health::Idle))
    );
}

#[test]
fn a_subscription_that_is_wanted_again_before_it_is_confirmed_stays() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    at.feed(Input::Unsubscribe(B));
    at.feed(Input::Subscribe(B));
    assert_eq!(at.feed(confirmed(B)), [Output::SendCanary(1)]);
}

#[test]
fn who_comes_back_while_the_subscription_ends_is_flushed() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    at.feed(confirmed(B));
    at.prove(1);
    assert!(
        at.feed(Input::Unsubscribe(B))
            .contains(&Output::Unsubscribe(B))
    );
    assert_eq!(
        at.feed(Input::Subscribe(B)),
        [Output::LinkHealth(Health::Connecting)]
    );
    assert!(!at.accepts(B));
    assert_eq!(at.feed(Input::Unsubscribed(B)), [Output::Subscribe(B)]);
    at.feed(confirmed(B));
    let outputs = at.prove(2);
    assert_eq!(outputs[1..3], [everyone(B), live(B)]);
}

#[test]
fn the_connection_closes_when_nothing_is_wanted() {
    let mut at = At::live();
    assert_eq!(
        at.feed(Input::Unsubscribe(A)),
        [
            Output::LinkHealth(Health::Idle),
            Output::Disconnect,
            Output::ChannelHealth(A, Health::Idle)
        ]
    );
    assert_eq!(at.timeout(), None);
    assert!(at.feed(Input::Subscribe(A)).contains(&Output::Connect));
    assert!(at.reconnect(1).contains(&everyone(A)));
}

#[test]
fn nothing_is_sent_without_a_connection() {
    let mut at = At::live();
    at.feed(Input::Disconnected(Cause::Disconnected));
    let added = [Output::ChannelHealth(B, Health::Connecting)];
    assert_eq!(at.feed(Input::Subscribe(B))[..1], added);
    assert_eq!(
        at.feed(Input::Unsubscribe(B)),
        [Output::ChannelHealth(B, Health::Idle)]
    );
}
