//! Storing several loaded entries, in one round trip.

use std::collections::HashMap;
use std::time::Duration;

use super::entry::{Cached, Loaded};
use super::load::{Kept, Lead, content_of, nowhere};
use super::load_lock::LoadLock;
use super::shared::Shared;
use crate::counters::count;
use crate::health::Cause;
use crate::transport::{Filled, Token};

/// Entries by key.
pub(super) type Entries<V> = HashMap<String, Cached<V>>;

/// A key that this caller loads.
pub(super) type Loading<'a, V> = (&'a String, Lead<'a, V>);

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// Stores what was loaded, in one round trip for what has a token and one for what has none.
    pub(super) async fn keep_many(
        &self,
        loading: Vec<Loading<'_, V>>,
        mut loaded: HashMap<String, Loaded<V>>,
        found: &mut Entries<V>,
    ) {
        let mut all = Vec::new();
        for (key, lead) in loading {
            if let Some(loaded) = loaded.remove(key) {
                all.push(self.plan(key, lead, loaded));
            } else {
                drop(lead.lock);
                lead.turn.absent();
            }
        }
        let mut stored = self.fill_many(&all).await;
        stored.extend(self.put_many(&all).await);
        let failure = stored.values().find_map(|stored| stored.as_ref().err());
        if let Some(cause) = failure {
            self.redis_failed("stored", cause);
        }
        for (place, keeping) in all.into_iter().enumerate() {
            let Keeping {
                key,
                lead,
                loaded,
                plan,
                ..
            } = keeping;
            let (ttl, kept) = match plan {
                Plan::Nowhere => (Duration::ZERO, Kept::Nowhere),
                Plan::InMemory(ttl) => (ttl, Kept::InMemory),
                Plan::Fill(_, ttl) | Plan::Put(ttl) => match stored.remove(&place) {
                    Some(Ok(kept)) => (ttl, kept),
                    // It has been reported.
                    Some(Err(_)) | None => (ttl, Kept::InMemory),
                },
            };
            let cached = match kept {
                Kept::InRedis => {
                    count(&self.counters.stored);
                    self.cached(loaded, Some(ttl))
                }
                Kept::InMemory => Cached::new(loaded, ttl),
                Kept::Nowhere => nowhere(loaded).0,
            };
            self.end(lead.turn, &cached, kept);
            found.insert(key.clone(), cached);
        }
    }

    /// How a loaded entry is to be kept.
    fn plan<'a>(
        &self,
        key: &'a String,
        mut lead: Lead<'a, V>,
        loaded: Loaded<V>,
    ) -> Keeping<'a, V> {
        let mut bytes = Vec::new();
        let plan = if lead.redis_answers {
            let tag = self.tag_of(key);
            let untouched = || lead.turn.is_untouched(tag.as_slice());
            match self.prepare(key, &loaded, &mut bytes, &untouched) {
                None => Plan::Nowhere,
                Some(ttl) => match lead.lock.as_mut().and_then(LoadLock::take) {
                    Some(token) => Plan::Fill(token, ttl),
                    // Another instance has the token.
                    None if self.coherence.is_some() => {
                        count(&self.counters.refused);
                        Plan::InMemory(ttl)
                    }
                    None => Plan::Put(ttl),
                },
            }
        } else {
            let ttl = self.options.ttl_of(&loaded);
            ttl.map_or(Plan::Nowhere, Plan::InMemory)
        };
        Keeping {
            key,
            lead,
            loaded,
            bytes,
            plan,
        }
    }

    /// Stores what has a token, unless something has happened to the entry since it was taken.
    async fn fill_many(&self, all: &[Keeping<'_, V>]) -> HashMap<usize, Result<Kept, Cause>> {
        let (mut places, mut fills) = (Vec::new(), Vec::new());
        for (place, keeping) in all.iter().enumerate() {
            if let Plan::Fill(token, ttl) = &keeping.plan {
                places.push(place);
                fills.push((token, content_of(&keeping.loaded, &keeping.bytes), *ttl));
            }
        }
        let filling = self.keyspace.fill_many(&fills);
        let filled = self.ask_each(fills.len(), filling).await;
        let mut stored = HashMap::new();
        for ((place, (_, content, ttl)), filled) in places.into_iter().zip(fills).zip(filled) {
            let Keeping { key, lead, .. } = &all[place];
            let kept = match filled {
                Ok(Filled::Stored) => Ok(Kept::InRedis),
                Ok(_) => {
                    let lock = lead.lock.as_ref();
                    let kept = self.not_filled(key, &lead.keys, content, ttl, lock).await;
                    if !matches!(kept, Ok(Kept::InRedis) | Err(_)) {
                        count(&self.counters.refused);
                    }
                    kept
                }
                Err(cause) => Err(cause),
            };
            stored.insert(place, kept);
        }
        stored
    }

    /// Stores what needs no token.
    async fn put_many(&self, all: &[Keeping<'_, V>]) -> HashMap<usize, Result<Kept, Cause>> {
        let (mut places, mut puts) = (Vec::new(), Vec::new());
        for (place, keeping) in all.iter().enumerate() {
            if let Plan::Put(ttl) = &keeping.plan {
                places.push(place);
                let content = content_of(&keeping.loaded, &keeping.bytes);
                puts.push((&keeping.lead.keys, content, *ttl));
            }
        }
        let put = self
            .ask_each(puts.len(), self.keyspace.put_many(&puts))
            .await;
        let kept = put.into_iter().map(|put| put.map(|()| Kept::InRedis));
        places.into_iter().zip(kept).collect()
    }
}

/// A loaded entry, and how it is to be kept.
struct Keeping<'a, V: Clone> {
    key: &'a String,
    lead: Lead<'a, V>,
    loaded: Loaded<V>,
    /// The encoded value.
    bytes: Vec<u8>,
    plan: Plan,
}

enum Plan {
    Nowhere,
    InMemory(Duration),
    Fill(Token, Duration),
    Put(Duration),
}
