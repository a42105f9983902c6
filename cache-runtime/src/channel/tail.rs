//! A channel whose messages are read as they are, whatever its service says.

use std::mem::size_of;
use std::sync::Arc;

use super::Dispatch;
use super::stats::Counters;
use crate::counters::count;
use crate::health::{Health, ProvenUntil, Reported};
use crate::link::{Audience, ChannelId, FlushCause};
use crate::queue::{Item, Queue};
use crate::settings::OnRejected;

/// What came over a channel.
pub(crate) enum Sound {
    /// A payload of this channel, whose name has the namespace.
    Message(Arc<str>, Vec<u8>),
    /// Messages of this channel may have been lost. With its health at that time.
    Lost(Arc<str>, FlushCause, Health),
    /// The reader was too slow: messages of some channels were discarded.
    Skipped,
}

impl Item for Sound {
    fn weight(&self) -> usize {
        let payload = match self {
            Self::Message(_, payload) => payload.len(),
            Self::Lost(..) | Self::Skipped => 0,
        };
        size_of::<Self>() + payload
    }

    fn collapse(queued: &mut Vec<Self>) -> Vec<Self> {
        std::mem::replace(queued, vec![Self::Skipped])
    }
}

/// A channel that hands everything on to one reader.
pub(crate) struct Tail {
    id: ChannelId,
    name: Arc<str>,
    health: Reported,
    counters: Counters,
    reader: Arc<Queue<Sound>>,
}

impl Tail {
    pub(crate) fn new(
        id: ChannelId,
        name: Arc<str>,
        proven: Arc<ProvenUntil>,
        reader: Arc<Queue<Sound>>,
    ) -> Self {
        Self {
            id,
            name,
            health: Reported::new(Health::Idle, proven),
            counters: Counters::default(),
            reader,
        }
    }
}

impl Dispatch for Tail {
    fn id(&self) -> ChannelId {
        self.id
    }

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// No message is rejected, so that none makes the bus flush.
    fn deliver(&self, payload: &[u8], _max_payload: usize) -> bool {
        count(&self.counters.received);
        let message = Sound::Message(Arc::clone(&self.name), payload.to_vec());
        if self.reader.push(message) {
            count(&self.counters.overflows);
        }
        true
    }

    fn on_rejected(&self) -> Option<OnRejected> {
        Some(OnRejected::Ignore)
    }

    fn flush(&self, audience: Audience, cause: FlushCause) {
        // Handlers are told later than inline subscribers, of the same.
        if audience != Audience::Handlers {
            let lost = Sound::Lost(Arc::clone(&self.name), cause, self.health.get());
            self.reader.push(lost);
        }
    }

    fn health(&self) -> &Reported {
        &self.health
    }

    fn subscribers(&self) -> usize {
        1
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn all(&self) -> Vec<u8> {
        Vec::new()
    }

    fn close(&self) {
        self.health.set(&Health::Closed);
        self.reader.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Queue, Sound};
    use crate::queue::Bounds;

    #[tokio::test]
    async fn a_reader_is_told_that_messages_were_discarded() {
        let bounds = Bounds {
            items: 2,
            bytes: 1 << 20,
        };
        let queue = Queue::new(bounds);
        for number in 0..3 {
            queue.push(Sound::Message(Arc::from("cache:users"), vec![number]));
        }
        let mut batch = Vec::new();
        assert!(queue.take(&mut batch).await);
        let heard = matches!(
            &batch[..],
            [Sound::Skipped, Sound::Message(_, payload)] if *payload == [2]
        );
        assert!(heard, "{} sounds", batch.len());
    }
}
