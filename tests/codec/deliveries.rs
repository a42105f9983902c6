//! What has to hold for every sequence of messages: each channel delivers exactly those that the
//! reference accepts, in their order, and counts the others as rejected.

use std::fmt::Debug;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use cache_runtime::__private::publish_raw;
use cache_runtime::service::Events as Stream;
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::event::Event;
use crate::reference::{self, Outcome};
use crate::services::{self, UserEvent};

#[cache_invalidation(channel = "cache:deliveries", event = Event)]
struct Events;

#[cache_invalidation(channel = "cache:deliveries-of-users", event = UserEvent)]
struct Users;

const CHANNELS: [&str; 2] = ["cache:deliveries", "cache:deliveries-of-users"];

/// Fewer than a queue or the inbox holds.
const MOST: usize = 32;

/// Splits noise into messages: a byte for the channel, and a payload that ends with a zero byte.
pub(crate) fn messages(noise: &[u8]) -> Vec<(usize, &[u8])> {
    let lines = noise.split(|byte| *byte == 0).take(MOST);
    lines
        .filter_map(|line| line.split_first())
        .map(|(channel, payload)| (usize::from(channel % 2), payload))
        .collect()
}

/// A bus, and who listens. One for all sequences, because building it takes longer than a sequence.
struct Fixture {
    bus: Bus,
    events: Events,
    users: Users,
    of_events: Stream<Event>,
    of_users: Stream<UserEvent>,
}

impl Fixture {
    fn new() -> Self {
        let bus = Bus::in_process();
        let (events, users) = (Events::new(&bus), Users::new(&bus));
        Self {
            of_events: events.events(),
            of_users: users.events(),
            bus,
            events,
            users,
        }
    }

    async fn check(&mut self, messages: &[(usize, &[u8])]) {
        let Self {
            bus,
            events,
            users,
            of_events,
            of_users,
        } = self;
        let before = (events.stats().rejected, users.stats().rejected);
        for (channel, payload) in messages {
            let published = publish_raw(bus, CHANNELS[*channel], payload).await;
            published.expect("it is short");
        }
        let of = |channel: usize| {
            let of = messages.iter().filter(move |(of, _)| *of == channel);
            of.map(|(_, payload)| *payload)
        };
        let decode = |payload| services::root(payload).and_then(|root| services::decode(&root));
        let last = Event::Numbers {
            tiny: 1,
            small: 2,
            signed: 3,
            size: 4,
            on: true,
        };
        let decoded = of(0).map(reference::decode);
        let rejected = before.0 + arrive(bus, CHANNELS[0], decoded, last, of_events).await;
        assert_eq!(events.stats().rejected, rejected, "{messages:?}");
        let last = UserEvent::User {
            discord_id: "the last".to_owned(),
        };
        let rejected = before.1 + arrive(bus, CHANNELS[1], of(1).map(decode), last, of_users).await;
        assert_eq!(users.stats().rejected, rejected, "{messages:?}");
    }
}

/// Delivers messages over the bus in this process.
///
/// # Panics
///
/// If something else arrives.
pub(crate) fn check(messages: &[(usize, &[u8])]) {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime")
    });
    static FIXTURE: LazyLock<Mutex<Fixture>> = LazyLock::new(|| Mutex::new(Fixture::new()));
    let mut fixture = FIXTURE.lock().expect("no earlier sequence failed");
    RUNTIME.block_on(fixture.check(messages));
}

/// Waits until all have arrived. Returns how many have to be rejected.
async fn arrive<E: InvalidationEvent + Debug + PartialEq>(
    bus: &Bus,
    channel: &str,
    messages: impl Iterator<Item = Outcome<E>>,
    last: E,
    stream: &mut Stream<E>,
) -> u64 {
    let payload = last.encode().expect("an event");
    publish_raw(bus, channel, &payload)
        .await
        .expect("it is short");
    let mut rejected = 0;
    let mut expected = Vec::new();
    for message in messages {
        match message {
            Ok(event) => expected.push(event),
            Err(_) => rejected += 1,
        }
    }
    expected.push(last);
    // Rejected messages flush, too.
    expected.retain(|event| *event != E::all());
    for expected in &expected {
        loop {
            let received = timeout(Duration::from_secs(60), stream.recv()).await;
            let received = received.expect("an event").expect("the bus is open");
            if received != E::all() {
                assert_eq!(received, *expected);
                break;
            }
        }
    }
    rejected
}
