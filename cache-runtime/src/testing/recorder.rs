//! Records the events that services publish.

use std::fmt;
use std::sync::Arc;

use crate::event::InvalidationEvent;
use crate::service::{Invalidator, Tap};

/// Records the events of a channel that services of this process publish, on any instance of a server.
///
/// An event is recorded when its publication begins, so it is there when `publish` has returned, and also if
/// the server cannot be reached. It is recorded once, also if the outbox sends it again. Events are in the
/// order in which their publications began. What cannot be encoded, is too large, or is published on a
/// closed bus is not recorded, nor is what other processes publish.
///
/// A recorder needs no subscription, and keeps the bus of its service alive.
///
/// # Examples
///
/// ```
/// use cache_runtime::testing::Recorder;
/// use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
///
/// #[derive(Debug, PartialEq, InvalidationEvent)]
/// enum UserEvent {
///     User { user_id: u64 },
///     All,
/// }
///
/// #[cache_invalidation(channel = "cache:users-recorded", event = UserEvent)]
/// struct Users;
///
/// /// The code under test.
/// async fn rename(users: &Users, user_id: u64) {
///     let _ = users.invalidate_user(user_id).await;
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let bus = Bus::in_process();
/// let users = Users::new(&bus);
/// let recorder = Recorder::of(&users);
///
/// rename(&users, 7).await;
/// recorder.expect([UserEvent::User { user_id: 7 }]);
///
/// rename(&Users::new(&bus.another_instance()), 8).await;
/// assert_eq!(recorder.take(), [UserEvent::User { user_id: 8 }]);
/// assert!(recorder.events().is_empty());
/// # }
/// ```
pub struct Recorder<E: InvalidationEvent> {
    service: Invalidator<E>,
    tap: Arc<Tap>,
}

impl<E: InvalidationEvent> Recorder<E> {
    /// Records what is published on the channel of a service from now on.
    #[must_use = "it records nothing once it is dropped"]
    pub fn of(service: &Invalidator<E>) -> Self {
        Self {
            service: service.clone(),
            tap: Invalidator::tap(service),
        }
    }

    /// What was recorded, and not taken yet.
    ///
    /// # Panics
    ///
    /// If the encoding of an event is none that receivers accept.
    #[must_use]
    pub fn events(&self) -> Vec<E> {
        let payloads = self.tap.payloads();
        payloads.iter().map(|it| self.decode(it)).collect()
    }

    /// As [`events`](Self::events), and forgets it.
    ///
    /// # Panics
    ///
    /// As [`events`](Self::events).
    #[must_use = "to forget what was recorded, use `clear`"]
    pub fn take(&self) -> Vec<E> {
        let payloads = self.tap.take();
        payloads.iter().map(|it| self.decode(it)).collect()
    }

    /// Forgets what was recorded.
    pub fn clear(&self) {
        self.tap.take();
    }

    /// Asserts that exactly these events were recorded, in this order, and forgets them. Events are equal
    /// if they are encoded alike, so they need no `PartialEq`.
    ///
    /// # Panics
    ///
    /// If others were recorded; the message shows both. Also if an event cannot be encoded.
    #[track_caller]
    pub fn expect(&self, events: impl IntoIterator<Item = E>) {
        let events: Vec<E> = events.into_iter().collect();
        let mut expected = Vec::new();
        for event in &events {
            match event.encode() {
                Ok(payload) => expected.push(payload),
                Err(error) => panic!("an expected event cannot be encoded: {error}"),
            }
        }
        let recorded = self.tap.take();
        assert!(
            recorded == expected,
            "on `{}`, expected{}\nrecorded{}",
            self.service.channel(),
            list(&expected),
            list(&recorded),
        );
    }

    fn decode(&self, payload: &[u8]) -> E {
        match E::decode_within(payload, payload.len()) {
            Ok(event) => event,
            Err(rejection) => panic!(
                "an event was published on `{}` that receivers reject: {rejection}",
                self.service.channel()
            ),
        }
    }
}

/// Payloads for people, one a line.
fn list(payloads: &[Vec<u8>]) -> String {
    if payloads.is_empty() {
        return " nothing".to_owned();
    }
    let lines = payloads.iter().map(|it| String::from_utf8_lossy(it));
    lines.flat_map(|line| ["\n  ".into(), line]).collect()
}

impl<E: InvalidationEvent> fmt::Debug for Recorder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("channel", &self.service.channel())
            .field("recorded", &self.tap.payloads().len())
            .finish_non_exhaustive()
    }
}
