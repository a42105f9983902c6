//! The lock of an entry in Redis: a token that one instance at a time holds while it fetches.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::background::Background;
use super::fetch::Sought;
use super::inner::Inner;
use super::stats::count;
use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::transport::{Acquired, EntryKeys, Found, Seek, Token};

/// Wait between two looks at whether another instance has fetched: the first, doubled each time,
/// and the longest; each shortened by up to a half, so that instances do not come in step.
const POLL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// A token in Redis. Dropped without having been used, it is given back in the background; if that
/// cannot be, it ends by itself.
pub(super) struct Ticket {
    token: Option<Token>,
    acquired: Instant,
    kv: Keyspace,
    background: Arc<Background>,
}

impl Ticket {
    /// The token, which is not given back now.
    pub(super) fn take(&mut self) -> Option<Token> {
        self.token.take()
    }

    /// Whether it is older than tokens get.
    pub(super) fn is_older_than(&self, ttl: Duration) -> bool {
        self.acquired.elapsed() >= ttl
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            let kv = self.kv.clone();
            self.background.spawn_short(async move {
                // In vain only while Redis is away.
                let _ = kv.give_up(&token).await;
            });
        }
    }
}

/// What became of asking for a token.
pub(super) enum Taken {
    Ticket(Ticket),
    Found(Found),
    Busy,
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    /// Whether one instance at a time is to fetch, or fills need a token.
    pub(super) fn locks(&self) -> bool {
        self.coherence.is_some() || self.settings.fetch_lock.is_some()
    }

    pub(super) async fn acquire(&self, names: &EntryKeys, seek: Seek) -> Result<Taken, Cause> {
        let lock_ttl = self.settings.lock_ttl;
        let acquired = Instant::now();
        let answer = self.ask(self.kv.acquire(names, seek, lock_ttl)).await?;
        Ok(match answer {
            Acquired::Token(token) => Taken::Ticket(Ticket {
                token: Some(token),
                acquired,
                kv: self.kv.clone(),
                background: Arc::clone(&self.background),
            }),
            Acquired::Found(found) => Taken::Found(found),
            Acquired::Busy => Taken::Busy,
        })
    }

    /// Waits until the entry is there, it is ours to fetch, or the wait is over.
    pub(super) async fn take_turns(
        &self,
        key: &str,
        names: &EntryKeys,
        mut seek: Seek,
    ) -> Result<Sought<V>, Cause> {
        let begun = Instant::now();
        let wait = self.settings.fetch_lock.unwrap_or_default();
        let mut poll = POLL.0;
        loop {
            match self.acquire(names, seek).await? {
                Taken::Ticket(ticket) => return Ok(Sought::Ours(Some(ticket))),
                Taken::Found(found) => {
                    if let Some(cached) = self.read(key, &found) {
                        return Ok(Sought::Hit(cached));
                    }
                    // Once more, for the token.
                    seek = Seek::Refresh;
                    continue;
                }
                Taken::Busy => {}
            }
            if poll == POLL.0 {
                count(&self.counters.waits);
            }
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                count(&self.counters.given_up_waits);
                return Ok(Sought::Ours(None));
            }
            sleep(shortened(poll).min(left)).await;
            poll = (poll * 2).min(POLL.1);
            // By now it may be there.
            seek = Seek::Missing;
        }
    }
}

fn shortened(wait: Duration) -> Duration {
    // Seeded by the system, and another one for each call.
    let random = RandomState::new().hash_one(0);
    let part = u32::try_from(random % 1024).unwrap_or_default();
    wait.saturating_sub(wait * part / 2048)
}
