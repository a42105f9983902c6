//! What has to hold whatever a server pushes on the connection for events: nothing panics; while the
//! connection stays, each message is delivered or counted as rejected; after anything else, what is
//! missing is covered by a flush; and while the network is cut, nothing makes the bus live.

use std::io::Cursor;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use cache_runtime::__private::{publish_raw, pushed};
use cache_runtime::service::Events as Stream;
use cache_runtime::testing::Network;
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use redis::{Parser, PushInfo, PushKind, Value};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::event::Event;
use crate::reference;

#[cache_invalidation(channel = "cache:pushes", event = Event)]
struct Pushes;

const CHANNEL: &str = "cache:pushes";
const CANARY: &str = "cache-runtime:canary:";

/// Fewer than a queue or the inbox holds.
const MOST: usize = 32;

const LONG: Duration = Duration::from_secs(60 * 60);

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pushes of a stream of RESP3, until something else comes. In their strings, a `~` stands for the
/// number in the name of the bus's canary channel, which is random.
pub(crate) fn pushes(noise: &[u8]) -> Vec<PushInfo> {
    let (mut parser, mut reader) = (Parser::new(), Cursor::new(noise));
    let mut pushes = Vec::new();
    while pushes.len() < MOST
        && let Ok(Value::Push { kind, data }) = parser.parse_value(&mut reader)
    {
        pushes.push(PushInfo { kind, data });
    }
    pushes
}

/// A bus that was given all pushes so far, and who listens.
struct Fixture {
    bus: Bus,
    network: Network,
    pushes: Pushes,
    stream: Stream<Event>,
    /// The number in the name of the canary channel.
    id: String,
    /// How many events were published as the last one.
    published: i64,
}

impl Fixture {
    async fn new() -> Self {
        // The lease does not end where nothing runs for a while.
        let bus = Bus::local()
            .lease(LONG)
            .heartbeat(LONG / 4)
            .response_timeout(LONG)
            .backoff(Duration::from_millis(1), Duration::from_millis(1))
            .rejection_interval(Duration::from_millis(1))
            .connect_lazy()
            .expect("usable settings");
        let pushes = Pushes::new(&bus);
        let stream = pushes.events();
        bus.ready().await.expect("there is no server");
        let nothing = PushInfo {
            kind: PushKind::Invalidate,
            data: Vec::new(),
        };
        let id = pushed(&bus, nothing).expect("one link");
        Self {
            network: Network::of(&bus),
            id: format!("{id:016x}"),
            published: 0,
            bus,
            pushes,
            stream,
        }
    }

    /// The push as this bus would be meant.
    fn meant(&self, push: &PushInfo) -> PushInfo {
        let data = push.data.iter().map(|value| match value {
            Value::BulkString(bytes) => {
                let pieces: Vec<_> = bytes.split(|byte| *byte == b'~').collect();
                Value::BulkString(pieces.join(self.id.as_bytes()))
            }
            other => other.clone(),
        });
        PushInfo {
            kind: push.kind.clone(),
            data: data.collect(),
        }
    }

    async fn check(&mut self, all: &[PushInfo]) {
        let before = self.pushes.stats().rejected;
        let (mut expected, mut rejected, mut is_plain) = (Vec::new(), 0, true);
        for push in all {
            let push = self.meant(push);
            match of(&push) {
                Meaning::Message(payload) => match reference::decode(payload) {
                    Ok(event) => expected.push(event),
                    Err(_) => rejected += 1,
                },
                Meaning::Nothing => {}
                Meaning::Other => is_plain = false,
            }
            let _ = pushed(&self.bus, push);
        }
        // Behind the pushes, all of which are handled before it returns.
        let arrived = self.arrived().await;
        let counted = self.pushes.stats().rejected - before;
        if is_plain {
            expected.retain(|event| *event != Event::all());
            let plain: Vec<_> = arrived.iter().filter(|e| **e != Event::all()).collect();
            assert_eq!(plain, expected.iter().collect::<Vec<_>>(), "{all:?}");
            assert_eq!(counted, rejected, "{all:?}");
        } else {
            let missing = expected.iter().any(|event| !arrived.contains(event));
            let lost = missing || counted < rejected;
            assert!(!lost || arrived.contains(&Event::all()), "{all:?}");
        }
        self.network.disconnect().await;
        for push in all {
            let _ = pushed(&self.bus, self.meant(push));
        }
        // Returns when all before it is handled.
        self.network.disconnect().await;
        assert!(!self.bus.health().is_live(), "{all:?}");
        self.network.reconnect().await;
        self.arrived().await;
    }

    /// What arrives before an event that is published once the bus is live.
    async fn arrived(&mut self) -> Vec<Event> {
        let first = self.published;
        let mut arrived = Vec::new();
        loop {
            self.published += 1;
            let last = last(self.published);
            let payload = last.encode().expect("an event");
            let ready = timeout(PATIENCE, self.bus.ready()).await;
            ready.expect("it is live again").expect("the bus is open");
            let published = publish_raw(&self.bus, CHANNEL, &payload).await;
            published.expect("it is short");
            loop {
                let received = timeout(PATIENCE, self.stream.recv()).await;
                let received = received
                    .expect("an event or a flush")
                    .expect("the bus is open");
                if received == last {
                    return arrived;
                }
                let is_flush = received == Event::all();
                // One that was published before a flush may arrive all the same.
                if !(first..self.published).any(|number| received == self::last(number)) {
                    arrived.push(received);
                }
                // Perhaps it is in place of the last event.
                if is_flush {
                    break;
                }
            }
        }
    }
}

fn last(number: i64) -> Event {
    Event::Numbers {
        tiny: 1,
        small: 2,
        signed: number,
        size: 4,
        on: true,
    }
}

/// What a push is to the bus.
enum Meaning<'a> {
    Message(&'a [u8]),
    /// It is about nothing that the bus knows.
    Nothing,
    /// It may end the connection, or a subscription.
    Other,
}

fn of(push: &PushInfo) -> Meaning<'_> {
    let is_ours = |name: &[u8]| name == CHANNEL.as_bytes() || name.starts_with(CANARY.as_bytes());
    match (&push.kind, &push.data[..]) {
        (
            PushKind::Message | PushKind::SMessage,
            [Value::BulkString(channel), Value::BulkString(payload), ..],
        ) if channel == CHANNEL.as_bytes() => Meaning::Message(payload),
        (PushKind::Disconnection, _) => Meaning::Other,
        (_, [Value::BulkString(channel), ..]) if is_ours(channel) => Meaning::Other,
        _ => Meaning::Nothing,
    }
}

/// Gives a bus these pushes, first while it is live, and then while its network is cut.
///
/// # Panics
///
/// If it does anything else than it has to.
pub(crate) fn check(all: &[PushInfo]) {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime")
    });
    static FIXTURE: LazyLock<Mutex<Fixture>> =
        LazyLock::new(|| Mutex::new(RUNTIME.block_on(Fixture::new())));
    let mut fixture = FIXTURE.lock().expect("no earlier sequence failed");
    RUNTIME.block_on(fixture.check(all));
}
