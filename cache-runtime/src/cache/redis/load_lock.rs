//! The lock of an entry in Redis: a token that one instance at a time holds while it loads.

use std::time::Duration;

use tokio::time::Instant;

use super::entry::Cached;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::counters::count;
use crate::health::Cause;
use crate::io_thread::{self, sleep};
use crate::keyspace::Keyspace;
use crate::random;
use crate::transport::{Acquired, EntryKeys, Seek, Token};

/// The wait before asking again whether another instance has loaded: the first, doubled each time,
/// and the longest. Each is shortened by up to a half, so that instances do not ask in step.
pub(super) const POLL: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(250));

/// A token in Redis. If it is dropped without having been used, it is given back in the background;
/// if that fails, it expires.
pub(super) struct LoadLock {
    token: Option<Token>,
    /// When the token was asked for: no later than the server set it.
    acquired: Instant,
    keyspace: Keyspace,
}

impl LoadLock {
    /// Takes the token to use it. It is no longer given back.
    pub(super) fn take(&mut self) -> Option<Token> {
        self.token.take()
    }

    /// Whether the token has expired by now.
    pub(super) fn has_expired(&self, ttl: Duration) -> bool {
        self.acquired.elapsed() >= ttl
    }
}

impl Drop for LoadLock {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            let keyspace = self.keyspace.clone();
            let given_up = async move {
                // It fails only while Redis is away.
                let _ = keyspace.give_up(&token).await;
            };
            drop(io_thread::spawn(given_up));
        }
    }
}

/// The result of looking for an entry.
pub(super) enum Sought<V> {
    Found(Cached<V>),
    /// The caller loads it, without a lock if the cache has none or another instance has it.
    Missing(Option<LoadLock>),
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// Asks for the token of an entry.
    pub(super) async fn acquire(&self, keys: &EntryKeys, seek: Seek) -> Result<Acquired, Cause> {
        let lock_ttl = self.options.lock_ttl;
        self.ask(self.keyspace.acquire(keys, seek, lock_ttl)).await
    }

    /// The lock whose token was asked for at `asked`.
    pub(super) fn lock(&self, token: Token, asked: Instant) -> LoadLock {
        LoadLock {
            token: Some(token),
            acquired: asked,
            keyspace: self.keyspace.clone(),
        }
    }

    /// Waits until the entry is there, the lock is free, or the wait is over.
    pub(super) async fn lock_or_wait(
        &self,
        key: &str,
        keys: &EntryKeys,
        mut seek: Seek,
    ) -> Result<Sought<V>, Cause> {
        let begun = Instant::now();
        let wait = self.options.load_lock.unwrap_or_default();
        let mut poll = Backoff::new(POLL.0, POLL.1, random::number());
        let mut waited = false;
        let mut unread = None;
        loop {
            let asked = Instant::now();
            match self.acquire(keys, seek).await? {
                Acquired::Token(token) => {
                    let lock = self.lock(token, asked);
                    if let Some(unread) = &unread
                        && let Some(found) = self.ask(self.keyspace.lookup(keys)).await?
                        && found != *unread
                        && let Some(cached) = self.read(key, &found)
                    {
                        return Ok(Sought::Found(cached));
                    }
                    return Ok(Sought::Missing(Some(lock)));
                }
                Acquired::Found(found) => {
                    if let Some(cached) = self.read(key, &found) {
                        return Ok(Sought::Found(cached));
                    }
                    // It does not decode, so ask again, for the token. Another instance may replace
                    // the value meanwhile.
                    seek = Seek::Refresh;
                    unread = Some(found);
                    continue;
                }
                Acquired::Busy => {}
            }
            if !waited {
                waited = true;
                count(&self.counters.waits);
            }
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                count(&self.counters.given_up_waits);
                return Ok(Sought::Missing(None));
            }
            sleep(poll.next().min(left)).await;
            // The other instance may have stored it by now.
            seek = Seek::Missing;
        }
    }
}
