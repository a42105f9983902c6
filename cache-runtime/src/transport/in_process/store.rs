//! The in-process backend: a map of keys and values for all instances of a hub.
//!
//! Each operation holds the lock from start to end, so it is atomic, as a script is in Redis.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::driver::Driver;
use crate::random::nonce;
use crate::sync::Mutex;
use crate::transport::token::{
    Acquired, Compare, Content, DeleteIf, EntryKeys, Filled, Found, Record, SEAL, Seek, Stored,
    Token, bare, millis, new_generation, opened, seal, sealed, stamp,
};

/// Most expired entries that one write frees. It is more than a write adds, so that they do not
/// pile up.
const SWEPT: usize = 4;

/// The keys and values of a hub.
#[derive(Default)]
pub(crate) struct Store(Mutex<Data>);

#[derive(Default)]
struct Data {
    driver: Driver,
    entries: BTreeMap<Arc<str>, Entry>,
    /// All keys, in order of expiry.
    expiring: BTreeMap<Expiry, Arc<str>>,
    /// The number of the latest [`Expiry`].
    number: u64,
}

/// When an entry expires, and a number that tells entries apart that expire at the same time.
type Expiry = (Instant, u64);

struct Entry {
    value: Vec<u8>,
    expiry: Expiry,
}

impl Store {
    pub(crate) fn new(driver: &Driver) -> Self {
        Self(Mutex::new(Data {
            driver: driver.clone(),
            ..Data::default()
        }))
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.lock().get(key).map(<[u8]>::to_vec)
    }

    pub(crate) fn set(&self, key: &str, value: &[u8], ttl: Duration) {
        self.lock().set(key, value.to_vec(), ttl);
    }

    pub(crate) fn set_if_absent(&self, key: &str, value: &[u8], ttl: Duration) -> Option<Vec<u8>> {
        let mut data = self.lock();
        match data.get(key) {
            None => data.set(key, value.to_vec(), ttl),
            Some(found) if found != value => return Some(found.to_vec()),
            Some(_) => {}
        }
        None
    }

    pub(crate) fn claim(&self, key: &str, value: &[u8], ttl: Duration) -> Option<Duration> {
        let mut data = self.lock();
        let left = data.left(key);
        if left.is_none() {
            data.set(key, value.to_vec(), ttl);
        }
        left
    }

    pub(crate) fn ttl(&self, key: &str) -> Option<Duration> {
        self.lock().left(key)
    }

    pub(crate) fn delete(&self, keys: &[String]) -> u64 {
        let mut data = self.lock();
        keys.iter().map(|key| u64::from(data.remove(key))).sum()
    }

    pub(crate) fn remove(&self, key: &str) -> bool {
        self.lock().remove(key)
    }

    /// As [`delete`](Self::delete): there is only one store.
    pub(crate) fn evict(&self, _generation: &str, keys: &[String]) {
        self.delete(keys);
    }

    pub(crate) fn delete_if(&self, key: &str, value: &[u8], compare: Compare) -> DeleteIf {
        let mut data = self.lock();
        let Some(found) = data.get(key) else {
            return DeleteIf::Missing;
        };
        let same = match compare {
            Compare::Whole => found == value,
            Compare::Start => found.starts_with(value),
        };
        if !same {
            return DeleteIf::Other(found.to_vec());
        }
        data.remove(key);
        DeleteIf::Deleted
    }

    #[expect(clippy::unused_self, reason = "as the other backend")]
    pub(crate) fn exchange_records(
        &self,
        _key: &str,
        _process: &str,
        _content: Option<&[u8]>,
        _ttl: Duration,
        _most: usize,
    ) -> Vec<Record> {
        Vec::new()
    }

    pub(crate) fn count(&self, prefix: &str) -> u64 {
        self.lock().keys(prefix).count() as u64
    }

    pub(crate) fn lookup(&self, names: &EntryKeys) -> Option<Found> {
        let data = self.lock();
        match &names.stored {
            Stored::Bare { absence } => data.bare(names, absence),
            Stored::Sealed { generation, group } => {
                let text = |key: &String| data.text(key);
                let group = group.as_ref().map_or(Some(String::new()), text)?;
                data.sealed(names, &seal(&text(generation)?, &group))
            }
        }
    }

    pub(crate) fn acquire(&self, names: &EntryKeys, seek: Seek, ttl: Duration) -> Acquired {
        let mut data = self.lock();
        let (generation, group, stamp, found) = match &names.stored {
            Stored::Bare { absence } => (
                String::new(),
                String::new(),
                nonce().into_bytes(),
                data.bare(names, absence),
            ),
            Stored::Sealed { generation, group } => {
                let generation = data.generation(generation, ttl);
                let group = group.as_ref().map(|group| data.generation(group, ttl));
                let group = group.unwrap_or_default();
                let seal = seal(&generation, &group);
                let stamp = stamp(&seal, &nonce());
                let found = data.sealed(names, &seal);
                (generation, group, stamp, found)
            }
        };
        if seek == Seek::Missing
            && let Some(found) = found
        {
            return Acquired::Found(found);
        }
        // A token of an ended generation can store no value any more, so it is replaced.
        let holder = data.get(&names.token);
        let seal = seal(&generation, &group);
        if holder.is_some_and(|holder| holder.starts_with(seal.as_bytes())) {
            return Acquired::Busy;
        }
        data.set(&names.token, stamp.clone(), ttl);
        Acquired::Token(Token {
            names: names.clone(),
            stamp,
            generation,
            group,
        })
    }

    pub(crate) fn fill(&self, token: &Token, content: &Content<'_>, ttl: Duration) -> Filled {
        let mut data = self.lock();
        match data.get(&token.names.token) {
            None => return Filled::Gone,
            Some(holder) if holder != token.stamp => return Filled::Taken,
            Some(_) => {}
        }
        data.remove(&token.names.token);
        match &token.names.stored {
            Stored::Bare { absence } => {
                let (key, bytes, other) = bare(&token.names.value, absence, content);
                data.remove(other);
                data.set(key, bytes.to_vec(), ttl);
            }
            Stored::Sealed { generation, group } => {
                let generations = [(Some(generation), &token.generation)];
                let generations = generations
                    .into_iter()
                    .chain([(group.as_ref(), &token.group)]);
                let of = |(key, own)| Some((key?, own));
                let generations: Vec<(&String, &String)> = generations.filter_map(of).collect();
                if (generations.iter()).any(|(key, own)| data.get(key) != Some(own.as_bytes())) {
                    return Filled::Gone;
                }
                let stored = sealed(&seal(&token.generation, &token.group), content);
                data.set(&token.names.value, stored, ttl);
                for (key, own) in generations {
                    data.renew(key, own, ttl);
                }
            }
        }
        Filled::Stored
    }

    pub(crate) fn give_up(&self, token: &Token) {
        self.delete_if(&token.names.token, &token.stamp, Compare::Whole);
    }

    pub(crate) fn put(&self, names: &EntryKeys, content: &Content<'_>, ttl: Duration) {
        let Stored::Bare { absence } = &names.stored else {
            unreachable!("a sealed entry needs a token");
        };
        let (key, bytes, other) = bare(&names.value, absence, content);
        let mut data = self.lock();
        data.remove(&names.token);
        data.remove(other);
        data.set(key, bytes.to_vec(), ttl);
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        self.0.lock()
    }
}

impl Data {
    fn now(&self) -> Instant {
        self.driver.tokio_instant()
    }

    /// The entry, unless it has expired.
    fn entry(&self, key: &str) -> Option<&Entry> {
        let entry = self.entries.get(key)?;
        entry.lives(self.now()).then_some(entry)
    }

    fn get(&self, key: &str) -> Option<&[u8]> {
        self.entry(key).map(|entry| &*entry.value)
    }

    fn text(&self, key: &str) -> Option<String> {
        String::from_utf8(self.get(key)?.to_vec()).ok()
    }

    /// The first bytes of a value, and the rest of its TTL.
    fn start(&self, key: &str, most: usize) -> Option<(Vec<u8>, Option<Duration>)> {
        let entry = self.entry(key)?;
        let value = &entry.value[..entry.value.len().min(most)];
        let ttl = Some(entry.expiry.0 - self.now());
        Some((value.to_vec(), ttl))
    }

    fn bare(&self, names: &EntryKeys, absence: &str) -> Option<Found> {
        let most = names.max_bytes.saturating_add(1);
        let value = self.start(&names.value, most).map(|found| (found, false));
        let absence = || self.start(absence, most).map(|found| (found, true));
        let ((value, ttl), is_absence) = value.or_else(absence)?;
        Some(Found {
            value,
            is_absence,
            ttl,
        })
    }

    fn sealed(&self, names: &EntryKeys, seal: &str) -> Option<Found> {
        let most = names.max_bytes.saturating_add(SEAL);
        let (stored, ttl) = self.start(&names.value, most)?;
        opened(seal, stored, ttl)
    }

    /// The generation under a key, or a new one if it was ended. It lives for at least `ttl`.
    fn generation(&mut self, key: &str, ttl: Duration) -> String {
        let generation = self.text(key).unwrap_or_else(new_generation);
        self.renew(key, &generation, ttl);
        generation
    }

    /// Lets a generation live no shorter than what depends on it. Twice as long, so that few of the
    /// next calls write.
    fn renew(&mut self, key: &str, generation: &str, ttl: Duration) {
        let until = self.now() + Duration::from_millis(millis(ttl));
        let lives = self.entry(key).is_some_and(|entry| until < entry.expiry.0);
        if !lives {
            let twice = ttl.saturating_mul(2);
            self.set(key, generation.to_owned().into_bytes(), twice);
        }
    }

    /// The rest of a TTL.
    fn left(&self, key: &str) -> Option<Duration> {
        let entry = self.entry(key)?;
        Some(entry.expiry.0.saturating_duration_since(self.now()))
    }

    fn keys(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let now = self.now();
        let from = self
            .entries
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(move |(key, _)| key.starts_with(prefix))
            .filter(move |(_, entry)| entry.lives(now))
            .map(|(key, _)| &**key)
    }

    fn set(&mut self, key: &str, value: Vec<u8>, ttl: Duration) {
        self.sweep();
        self.remove(key);
        let key: Arc<str> = key.into();
        self.number += 1;
        let until = self.now() + Duration::from_millis(millis(ttl));
        let expiry = (until, self.number);
        self.expiring.insert(expiry, Arc::clone(&key));
        self.entries.insert(key, Entry { value, expiry });
    }

    /// Removes a key. Returns whether it existed and had not expired.
    fn remove(&mut self, key: &str) -> bool {
        let Some(entry) = self.entries.remove(key) else {
            return false;
        };
        self.expiring.remove(&entry.expiry);
        entry.lives(self.now())
    }

    fn sweep(&mut self) {
        let now = self.now();
        for _ in 0..SWEPT {
            let Some(next) = self
                .expiring
                .first_entry()
                .filter(|next| next.key().0 <= now)
            else {
                return;
            };
            self.entries.remove(&next.remove());
        }
    }
}

impl Entry {
    fn lives(&self, now: Instant) -> bool {
        now < self.expiry.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(3600);

    fn sizes(store: &Store) -> (usize, usize) {
        let data = store.lock();
        (data.entries.len(), data.expiring.len())
    }

    #[test]
    fn what_has_expired_is_freed_by_writes() {
        let store = Store::default();
        let count = 1000;
        for n in 0..count {
            store.set(&format!("short:{n}"), b"", SHORT);
        }
        while store.count("short:") > 0 {
            std::thread::yield_now();
        }
        for n in 0..count {
            store.set(&format!("long:{n}"), b"", LONG);
        }
        assert_eq!(sizes(&store), (count, count));
    }

    #[test]
    fn what_is_replaced_or_deleted_leaves_nothing_behind() {
        let store = Store::default();
        for _ in 0..1000 {
            store.set("key", b"", LONG);
        }
        assert_eq!(sizes(&store), (1, 1));
        assert_eq!(store.delete(&["key".to_owned()]), 1);
        assert_eq!(sizes(&store), (0, 0));
    }
}
