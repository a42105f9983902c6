//! Reads what goes over channels.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_util::Stream;

use crate::bus::{Bus, Health, NotReady};
use crate::channel::{DeclaredChannel, Sound, channels};
use crate::event::{Description, Rejection};
use crate::link::FlushCause;
use crate::queue::{Bounds, Queue};
use crate::wire::Prose;

/// What is kept for a reader that is slow.
const BOUNDS: Bounds = Bounds {
    items: 10_000,
    bytes: 16 * 1024 * 1024,
};

/// What goes over channels, as a [`Stream`]. [`Bus::tail`] makes it.
///
/// It has connections of its own, and ends when it is dropped.
#[must_use = "a stream yields nothing unless it is polled"]
pub struct Tail {
    bus: Bus,
    reader: Arc<Queue<Sound>>,
    batch: vec::IntoIter<Sound>,
    /// What the names of channels begin with.
    namespace: String,
}

/// What a [`Tail`] has heard. `Display` writes it in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A message.
    Message(Message),
    /// From now on, every message of the channel is heard. Earlier ones may be missing.
    Live {
        /// The channel, without the namespace.
        channel: String,
    },
    /// Messages of the channel may be missing until it is live again.
    Lost {
        /// The channel, without the namespace.
        channel: String,
        /// Why that is so.
        why: String,
    },
    /// The reader was too slow: what it had not read of all channels was discarded.
    Skipped,
}

/// A message of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The channel, without the namespace.
    pub channel: String,
    /// The bytes as they were published.
    pub payload: Vec<u8>,
    /// What the service of the channel makes of it.
    pub verdict: Verdict,
}

/// What the service of a channel makes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is this event, as logs show it.
    Event(Description),
    /// It rejects it. The text is the reason.
    Rejected(String),
    /// No service of the program declares the channel.
    Undeclared,
}

impl Bus {
    /// Reads what goes over channels, whoever publishes it. Names are without the namespace of the bus.
    ///
    /// No event is handled and nothing is evicted. Connections, of its own, are opened in the
    /// background: [`Tail::ready`] waits for them. A reader that is slow misses messages, and is told
    /// so; publishers are not held up.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::doctor::Heard;
    /// use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
    ///
    /// #[derive(InvalidationEvent)]
    /// enum UserEvent {
    ///     User { user_id: u64 },
    ///     All,
    /// }
    ///
    /// #[cache_invalidation(channel = "cache:tailed-users", event = UserEvent)]
    /// struct Users;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::in_process();
    /// let mut tail = bus.tail(["cache:tailed-users"]);
    /// tail.ready().await?;
    /// Users::new(&bus).invalidate_user(7).await?;
    /// while let Some(heard) = tail.recv().await {
    ///     println!("{heard}"); // cache:tailed-users: user {userId: 7}
    ///     if let Heard::Message(message) = heard {
    ///         assert_eq!(message.payload, br#"{"type":"user","userId":7}"#);
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn tail<C: AsRef<str>>(&self, channels: impl IntoIterator<Item = C>) -> Tail {
        let bus = self.another_instance();
        let reader = Arc::new(Queue::new(BOUNDS));
        for channel in channels {
            bus.shared().tail(channel.as_ref(), &reader);
        }
        Tail {
            namespace: bus.shared().settings().full_name(""),
            bus,
            reader,
            batch: Vec::new().into_iter(),
        }
    }
}

impl Tail {
    /// Waits until all channels are live.
    ///
    /// # Errors
    ///
    /// As [`Bus::ready`], such as when the access rules forbid a channel. The stream goes on trying.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.bus.ready().await
    }

    /// Whether all channels are live.
    #[must_use]
    pub fn health(&self) -> Health {
        self.bus.health()
    }

    /// What is heard next; `None` if the address or another setting is unusable.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Heard> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        loop {
            if let Some(sound) = self.batch.next() {
                return Poll::Ready(Some(self.heard(sound)));
            }
            let mut batch = Vec::new();
            if !ready!(self.reader.poll_take(cx, &mut batch)) {
                return Poll::Ready(None);
            }
            self.batch = batch.into_iter();
        }
    }

    fn heard(&self, sound: Sound) -> Heard {
        let declared = |name: &str| {
            let name = name.strip_prefix(&self.namespace).unwrap_or(name);
            name.to_owned()
        };
        match sound {
            Sound::Message(name, payload) => {
                let channel = declared(&name);
                Heard::Message(Message {
                    verdict: verdict(&channel, &payload, self.bus.shared().settings().max_payload),
                    channel,
                    payload,
                })
            }
            Sound::Lost(name, FlushCause::Live, _) => Heard::Live {
                channel: declared(&name),
            },
            Sound::Lost(name, cause, health) => Heard::Lost {
                channel: declared(&name),
                why: match cause {
                    FlushCause::Moved => "another node serves it from now on".to_owned(),
                    _ => health.to_string(),
                },
            },
            Sound::Skipped => Heard::Skipped,
        }
    }
}

/// What the first service that declares a channel makes of a payload.
pub(crate) fn verdict(channel: &str, payload: &[u8], max_payload: usize) -> Verdict {
    let all = channels();
    let Some(declared) = all.iter().find(|declared| declared.channel() == channel) else {
        return Verdict::Undeclared;
    };
    match decoded(declared, payload, max_payload) {
        Ok(()) => Verdict::Event(Description::new(declared.schema(), Ok(payload))),
        Err(reason) => Verdict::Rejected(reason),
    }
}

fn decoded(declared: &DeclaredChannel, payload: &[u8], most: usize) -> Result<(), String> {
    // A field's `Deserialize` is user code, which may panic.
    catch_unwind(AssertUnwindSafe(|| declared.decode()(payload, most)))
        .map_err(|_| "the decoder panicked".to_owned())?
        .map_err(|rejection: Rejection| rejection.to_string())
}

impl Stream for Tail {
    type Item = Heard;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        self.get_mut().poll_recv(cx)
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail")
            .field("bus", &self.bus)
            .finish_non_exhaustive()
    }
}

/// `cache:users: user {userId: "7"}`
impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => {
                let payload = String::from_utf8_lossy(&message.payload);
                write!(f, "{}: ", message.channel)?;
                match &message.verdict {
                    Verdict::Event(event) => write!(f, "{event}"),
                    Verdict::Rejected(why) => write!(f, "rejected: {why}: {}", Prose(&payload)),
                    Verdict::Undeclared => write!(f, "{}", Prose(&payload)),
                }
            }
            Self::Live { channel } => write!(f, "{channel}: live"),
            Self::Lost { channel, why } => write!(f, "{channel}: messages may be missing: {why}"),
            Self::Skipped => {
                f.write_str("messages were skipped, because they were read too slowly")
            }
        }
    }
}
