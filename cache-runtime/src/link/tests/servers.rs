//! What the server says of itself, on both connections.

use super::fixture::{
    A, At, B, C, CANARY, HEARTBEAT, LEASE, confirmed, down, lease, live, primary, server, told,
};
use crate::health::Cause;
use crate::link::{Input, Output, Side};
use crate::server_info::{Role, ServerInfo};

const SIDES: [Side; 2] = [Side::Events, Side::Commands];

fn replica() -> ServerInfo {
    ServerInfo {
        role: Role::Other("replica".into()),
        ..primary()
    }
}

/// Nothing is live yet, and canary 0 is on its way.
fn unproven() -> At {
    let mut at = At::subscribing();
    at.feed(confirmed(CANARY));
    at.feed(confirmed(A));
    at
}

#[test]
fn a_canary_proves_nothing_until_both_connections_have_told_of_a_primary() {
    let parts = [
        Input::Canary(0),
        told(0, Side::Events, primary()),
        told(0, Side::Commands, primary()),
    ];
    for last in 0..3 {
        let mut at = unproven();
        for other in (0..3).filter(|other| *other != last) {
            assert_eq!(at.feed(parts[other].clone()), []);
        }
        let outputs = at.feed(parts[last].clone());
        assert_eq!(outputs[0], lease(LEASE));
        assert!(outputs.contains(&live(A)));
    }
}

#[test]
fn a_replica_is_left_at_once() {
    for side in SIDES {
        let mut at = At::live();
        at.tick_after(HEARTBEAT);
        let outputs = at.feed(told(1, side, replica()));
        let cause = Cause::NotPrimary("replica".into());
        assert_eq!(outputs[1..3], [Output::Disconnect, down(A, cause)]);
    }
}

#[test]
fn a_replica_is_never_live() {
    for side in SIDES {
        let mut at = unproven();
        at.feed(Input::Canary(0));
        assert_eq!(at.feed(told(0, side, replica()))[1], Output::Disconnect);
    }
}

#[test]
fn two_connections_on_two_servers_are_left() {
    for (first, second) in [SIDES, [Side::Commands, Side::Events]].map(|[a, b]| (a, b)) {
        let mut at = unproven();
        assert_eq!(at.feed(told(0, first, server(1))), []);
        let outputs = at.feed(told(0, second, server(2)));
        assert_eq!(
            outputs[1..3],
            [Output::Disconnect, down(A, Cause::AnotherServer)]
        );
    }
}

#[test]
fn a_server_that_is_replaced_behind_the_connections_is_left() {
    for side in SIDES {
        let mut at = At::live();
        at.tick_after(HEARTBEAT);
        let outputs = at.feed(told(1, side, server(2)));
        assert_eq!(
            outputs[1..3],
            [Output::Disconnect, down(A, Cause::AnotherServer)]
        );
    }
}

#[test]
fn another_server_after_a_new_connection_is_no_fault() {
    let mut at = At::live();
    at.feed(Input::Disconnected(Cause::Disconnected));
    at.wait_for_connect();
    at.feed(Input::Connected(server(2)));
    at.feed(confirmed(CANARY));
    at.feed(confirmed(A));
    at.feed(Input::Canary(1));
    at.feed(told(1, Side::Events, server(2)));
    assert!(
        at.feed(told(1, Side::Commands, server(2)))
            .contains(&live(A))
    );
}

#[test]
fn a_server_that_does_not_tell_which_it_is_is_believed() {
    let unknown = ServerInfo {
        identity: None,
        ..primary()
    };
    let mut at = unproven();
    at.feed(Input::Canary(0));
    at.feed(told(0, Side::Events, unknown));
    assert!(
        at.feed(told(0, Side::Commands, primary()))
            .contains(&live(A))
    );
}

#[test]
fn a_canary_that_was_published_and_does_not_come_is_a_loss() {
    let mut at = At::live();
    at.tick_after(HEARTBEAT);
    at.feed(told(1, Side::Commands, primary()));
    at.tick_after(HEARTBEAT);
    let outputs = at.prove(2);
    assert_eq!(outputs[1], down(A, Cause::MissingCanary));
    assert!(outputs.contains(&Output::SendCanary(3)), "{outputs:?}");
    assert!(at.prove(3).contains(&live(A)));
}

#[test]
fn one_that_was_published_on_another_connection_is_no_loss() {
    let mut at = At::live();
    at.tick_after(HEARTBEAT);
    at.tick_after(HEARTBEAT);
    // The server may have carried out the second first.
    at.feed(Input::Server {
        canary: 1,
        side: Side::Commands,
        connection: 2,
        server: primary(),
    });
    assert_eq!(at.prove(2), [lease(2 * HEARTBEAT + LEASE)]);
}

#[test]
fn one_on_the_same_connection_is_a_loss_although_the_answer_came_after_the_next_was_sent() {
    let mut at = At::live();
    at.tick_after(HEARTBEAT);
    at.tick_after(HEARTBEAT);
    at.feed(told(1, Side::Commands, primary()));
    assert_eq!(at.prove(2)[1], down(A, Cause::MissingCanary));
}

#[test]
fn one_that_was_answered_before_the_next_was_sent_is_a_loss_on_any_connection() {
    let mut at = At::live();
    at.tick_after(HEARTBEAT);
    at.feed(Input::Server {
        canary: 1,
        side: Side::Commands,
        connection: 2,
        server: primary(),
    });
    at.tick_after(HEARTBEAT);
    assert_eq!(at.prove(2)[1], down(A, Cause::MissingCanary));
}

#[test]
fn a_connection_is_kept_when_the_lease_ends_while_a_subscription_is_ending() {
    let mut at = At::live();
    at.later(LEASE - 1).feed(Input::Subscribe(B));
    at.feed(confirmed(B));
    let outputs = at.feed(Input::Unsubscribe(B));
    assert!(outputs.contains(&Output::Unsubscribe(B)));
    let outputs = at.tick_after(1);
    assert_eq!(outputs[1], down(A, Cause::LeaseExpired));
    assert!(!outputs.contains(&Output::Disconnect), "{outputs:?}");
}

#[test]
fn a_connection_on_which_no_answer_is_due_ends_with_the_lease() {
    let mut at = At::live();
    at.later(LEASE - 1).feed(Input::Subscribe(B));
    at.feed(confirmed(B));
    assert_eq!(at.tick_after(1)[1], Output::Disconnect);
}

#[test]
fn a_connection_whose_latest_answer_is_a_lease_old_ends_with_the_lease() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    assert_eq!(at.tick_after(LEASE)[1], Output::Disconnect);
}

#[test]
fn a_connection_on_which_the_server_answers_is_kept_when_the_lease_ends() {
    let mut at = At::live();
    at.feed(Input::Subscribe(B));
    let outputs = at.tick_after(LEASE - 1);
    assert!(!outputs.contains(&Output::Disconnect));
    at.feed(confirmed(B));
    at.feed(Input::Subscribe(C));
    let outputs = at.tick_after(1);
    assert_eq!(outputs[1], down(A, Cause::LeaseExpired));
    assert!(!outputs.contains(&Output::Disconnect), "{outputs:?}");
    assert!(!at.accepts(C));
    // It makes no progress any more.
    at.tick_after(HEARTBEAT);
    let mut outputs = Vec::new();
    for _ in 0..8 {
        outputs.extend(at.tick_after(HEARTBEAT));
    }
    assert!(outputs.contains(&Output::Disconnect), "{outputs:?}");
}
