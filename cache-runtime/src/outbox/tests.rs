//! How much an outbox holds, and for what it does not wait.

use std::sync::Arc;
use std::time::Duration;

use super::Outbox;
use crate::channel::{Counters, Dispatch};
use crate::clock::Instant;
use crate::driver::Driver;
use crate::health::{Health, Reported};
use crate::link::{Audience, ChannelId, FlushCause};
use crate::queue::Bounds;
use crate::settings::{OnRejected, Settings};
use crate::transport::{Servers, Transport};

const HOUR: Duration = Duration::from_secs(60 * 60);
const ROOM: Bounds = Bounds {
    items: 100,
    bytes: 10_000,
};

/// A channel that nobody listens to.
struct Silent {
    name: Arc<str>,
    health: Reported,
    counters: Counters,
}

impl Dispatch for Silent {
    fn id(&self) -> ChannelId {
        ChannelId(2)
    }

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn deliver(&self, _payload: &[u8], _max_payload: usize) -> bool {
        true
    }

    fn on_rejected(&self) -> Option<OnRejected> {
        None
    }

    fn flush(&self, _audience: Audience, _cause: FlushCause) {}

    fn health(&self) -> &Reported {
        &self.health
    }

    fn subscribers(&self) -> usize {
        0
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn all(&self) -> Vec<u8> {
        b"*".to_vec()
    }

    fn close(&self) {}
}

fn channel(name: &str) -> Arc<dyn Dispatch> {
    Arc::new(Silent {
        name: name.into(),
        health: Reported::new(Health::Idle, Arc::default()),
        counters: Counters::default(),
    })
}

fn outbox(bounds: Bounds) -> Outbox {
    let settings = Settings {
        outbox: bounds,
        ..Settings::default()
    };
    let servers = Servers::One(Transport::in_process(&Driver::default()));
    let health = Arc::new(Reported::new(Health::Idle, Arc::default()));
    Outbox::new(&settings, servers, health)
}

/// How many events it holds for the only channel.
fn held(outbox: &Outbox) -> usize {
    let state = outbox.0.state.lock();
    state.pending.unsent().map(|(_, events)| events).sum()
}

#[test]
fn what_just_fits_by_its_bytes_does_not_collapse() {
    // Each event has one byte, and counts 64 more.
    for (bytes, left) in [(130, 2), (129, 1)] {
        let outbox = outbox(Bounds { bytes, ..ROOM });
        let users = channel("users");
        for payload in [b"1", b"2"] {
            outbox.send_after(Arc::clone(&users), payload, HOUR);
        }
        assert_eq!(held(&outbox), left, "of {bytes} bytes");
    }
}

#[test]
fn the_wait_after_a_failure_ends_when_the_server_takes_another_event_of_the_channel() {
    let outbox = outbox(ROOM);
    outbox.send_after(channel("users"), b"1", HOUR);
    outbox.0.state.lock().retry_at = Some(Instant::now() + HOUR);
    outbox.reached("teams");
    assert!(outbox.0.state.lock().retry_at.is_some(), "of another one");
    outbox.reached("users");
    assert!(outbox.0.state.lock().retry_at.is_none());
}

#[test]
fn a_channel_whose_events_are_being_sent_has_none_that_wait() {
    let outbox = outbox(ROOM);
    outbox.send_after(channel("users"), b"1", HOUR);
    let mut state = outbox.0.state.lock();
    assert!(state.pending.has("users"));
    let taken = state.pending.take(None);
    assert_eq!(taken.len(), 1);
    assert!(!state.pending.has("users"));
}
