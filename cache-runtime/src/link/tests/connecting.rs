//! From the first subscription until the channel is live.

use super::fixture::{A, At, B, CANARY, LEASE, confirmed, everyone, lease, live, primary};
use crate::health::Health;
use crate::link::{Input, Output};

#[test]
fn the_first_subscription_opens_the_connection() {
    let mut at = At::start();
    assert_eq!(at.timeout(), None);
    assert_eq!(
        at.feed(Input::Subscribe(A)),
        [
            Output::LinkHealth(Health::Connecting),
            Output::ChannelHealth(A, Health::Connecting),
            Output::Connect
        ]
    );
}

#[test]
fn a_connection_subscribes_the_canary_and_everything_wanted() {
    let mut at = At::start();
    at.feed(Input::Subscribe(A));
    at.feed(Input::Subscribe(B));
    assert_eq!(
        at.feed(Input::Connected(primary())),
        [CANARY, A, B].map(Output::Subscribe)
    );
}

#[test]
fn the_canary_waits_for_all_confirmations() {
    let mut at = At::start();
    at.feed(Input::Subscribe(A));
    at.feed(Input::Subscribe(B));
    at.feed(Input::Connected(primary()));
    assert_eq!(at.feed(confirmed(B)), []);
    assert_eq!(at.feed(confirmed(CANARY)), []);
    assert_eq!(at.feed(confirmed(A)), [Output::SendCanary(0)]);
}

#[test]
fn a_channel_is_live_when_the_canary_is_back_and_everyone_is_flushed_once() {
    let mut at = At::subscribing();
    at.feed(confirmed(CANARY));
    at.feed(confirmed(A));
    assert_eq!(at.link.health(), &Health::Connecting);
    assert_eq!(
        at.later(3).prove(0),
        [
            lease(LEASE),
            everyone(A),
            live(A),
            Output::LinkHealth(Health::Live)
        ]
    );
}

#[test]
fn messages_are_delivered_while_subscribed() {
    let mut at = At::subscribing();
    assert!(!at.accepts(A));
    at.feed(confirmed(A));
    assert!(at.accepts(A));
    assert!(!at.accepts(B));
}

#[test]
fn a_channel_is_subscribed_once_the_server_has_confirmed_it() {
    let mut at = At::subscribing();
    assert!(!at.link.is_subscribed(A));
    at.feed(confirmed(A));
    assert!(at.link.is_subscribed(A));
    assert!(!at.link.is_subscribed(B), "nobody has asked for it");
}

#[test]
fn a_confirmation_may_take_longer_than_a_lease() {
    let mut at = At::subscribing();
    at.feed(confirmed(CANARY));
    assert_eq!(
        at.later(LEASE + 1).feed(confirmed(A)),
        [Output::SendCanary(0)]
    );
}

#[test]
fn a_channel_that_comes_later_leaves_the_others_live() {
    let mut at = At::live();
    assert_eq!(
        at.feed(Input::Subscribe(B)),
        [
            Output::LinkHealth(Health::Connecting),
            Output::ChannelHealth(B, Health::Connecting),
            Output::Subscribe(B)
        ]
    );
    assert_eq!(at.feed(confirmed(B)), [Output::SendCanary(1)]);
    assert_eq!(
        at.later(1).prove(1),
        [
            lease(LEASE),
            everyone(B),
            live(B),
            Output::LinkHealth(Health::Live)
        ]
    );
}
