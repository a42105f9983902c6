//! The messages that this instance has published and not received yet.
//!
//! The publisher deletes from caches in Redis, so it need not delete again when the message comes
//! back. Messages carry no sender. One with the same payload from another instance may be taken for
//! the instance's own; then the own one, which is still to come, counts as the other's.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::hook::Hook;
use crate::clock::Instant;
use crate::sync::Mutex;

/// The most payloads that are expected at a time; others count as another instance's.
const PAYLOADS: usize = 256;
/// The most publications of one payload.
const TIMES: usize = 256;
/// The longest payload that is kept, in bytes.
const LONGEST: usize = 4 * 1024;
/// How long a payload is expected. If its message was lost, a later one is not taken for it.
const WITHIN: Duration = Duration::from_secs(1);

type Hooks<E> = Arc<[Arc<Hook<E>>]>;

/// A publication: when it began, and the hooks that were called for it. It keeps no hook alive,
/// because dropping a hook drops the program's closure.
type Publication<E> = (Instant, Weak<[Arc<Hook<E>>]>);

/// The publications of each payload.
type Expected<E> = HashMap<Box<[u8]>, Vec<Publication<E>>>;

pub(crate) struct Echoes<E>(Mutex<Expected<E>>);

/// A payload that is being published, and is expected to come back. If this is dropped, it is not
/// expected any more.
pub(crate) struct Echo<'a, E> {
    echoes: &'a Echoes<E>,
    /// `None` if it was not kept.
    payload: Option<Box<[u8]>>,
    hooks: &'a Hooks<E>,
}

impl<E> Echoes<E> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Expects a payload that is about to be published.
    pub(super) fn expect<'a>(&'a self, payload: &[u8], hooks: &'a Hooks<E>) -> Echo<'a, E> {
        let mut expected = self.0.lock();
        if expected.len() >= PAYLOADS {
            expected.retain(|_, same| same.iter().any(is_awaited));
        }
        let times = expected.get(payload).map(Vec::len);
        let fits = payload.len() <= LONGEST
            && times.map_or(expected.len() < PAYLOADS, |times| times < TIMES);
        if fits {
            let same = expected.entry(payload.into()).or_default();
            same.push((Instant::now(), Arc::downgrade(hooks)));
        }
        Echo {
            payload: fits.then(|| payload.into()),
            ..Echo::none(self, hooks)
        }
    }

    /// Removes a payload, and returns whether it was expected. Other hooks than the present ones
    /// may not have deleted all that has to be deleted now.
    pub(super) fn take(&self, payload: &[u8], hooks: impl FnOnce() -> Hooks<E>) -> bool {
        let called = {
            let mut expected = self.0.lock();
            let Some(same) = expected.get_mut(payload) else {
                return false;
            };
            let called = same.pop();
            if same.is_empty() {
                expected.remove(payload);
            }
            called
        };
        called.is_some_and(|called| {
            is_awaited(&called) && Weak::ptr_eq(&called.1, &Arc::downgrade(&hooks()))
        })
    }

    /// Expects nothing more, because messages may have been lost.
    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }
}

fn is_awaited<E>((since, _): &Publication<E>) -> bool {
    since.elapsed() < WITHIN
}

impl<'a, E> Echo<'a, E> {
    /// For a payload that is not expected.
    pub(super) fn none(echoes: &'a Echoes<E>, hooks: &'a Hooks<E>) -> Self {
        Self {
            echoes,
            payload: None,
            hooks,
        }
    }

    /// The payload was published, so it comes back.
    pub(crate) fn published(mut self) {
        self.payload = None;
    }

    /// The payload was not published. Returns whether another instance's message may have been
    /// taken for it.
    pub(crate) fn failed(mut self) -> bool {
        let payload = self.payload.take();
        payload.is_some_and(|payload| !self.echoes.take(&payload, || Arc::clone(self.hooks)))
    }
}

impl<E> Drop for Echo<'_, E> {
    fn drop(&mut self) {
        if let Some(payload) = self.payload.take() {
            self.echoes.take(&payload, || Arc::clone(self.hooks));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks() -> Hooks<()> {
        Arc::new([])
    }

    fn take(echoes: &Echoes<()>, payload: &[u8], hooks: &Hooks<()>) -> bool {
        echoes.take(payload, || Arc::clone(hooks))
    }

    #[test]
    fn each_publication_is_expected_once() {
        let (echoes, hooks) = (Echoes::new(), hooks());
        assert!(!take(&echoes, b"a", &hooks));
        echoes.expect(b"a", &hooks).published();
        echoes.expect(b"a", &hooks).published();
        assert!(!take(&echoes, b"b", &hooks));
        assert!(take(&echoes, b"a", &hooks) && take(&echoes, b"a", &hooks));
        assert!(!take(&echoes, b"a", &hooks));
        echoes.expect(b"a", &hooks).published();
        echoes.clear();
        assert!(!take(&echoes, b"a", &hooks));
    }

    #[test]
    fn what_is_not_published_is_not_expected() {
        let (echoes, hooks) = (Echoes::new(), hooks());
        drop(echoes.expect(b"a", &hooks));
        assert!(!take(&echoes, b"a", &hooks));
        assert!(!echoes.expect(b"a", &hooks).failed());
        assert!(!take(&echoes, b"a", &hooks));
        let echo = echoes.expect(b"a", &hooks);
        assert!(take(&echoes, b"a", &hooks), "a message of another instance");
        assert!(echo.failed());
    }

    #[test]
    fn a_hook_that_was_not_called_deletes_for_itself() {
        let (echoes, hooks) = (Echoes::new(), hooks());
        echoes.expect(b"a", &hooks).published();
        let others: Hooks<()> = Arc::new([Arc::new(Hook {
            evict: Box::new(|()| None),
        })]);
        assert!(!take(&echoes, b"a", &others));
    }

    #[test]
    fn keep_no_hook_alive() {
        let (echoes, hooks) = (Echoes::new(), hooks());
        echoes.expect(b"a", &hooks).published();
        assert_eq!(Arc::strong_count(&hooks), 1);
    }

    #[test]
    fn are_bounded() {
        let (echoes, hooks) = (Echoes::new(), hooks());
        let long = [b'a'; LONGEST + 1];
        echoes.expect(&long, &hooks).published();
        assert!(!take(&echoes, &long, &hooks));
        for _ in 0..=TIMES {
            echoes.expect(b"a", &hooks).published();
        }
        assert_eq!(echoes.0.lock()[&b"a"[..]].len(), TIMES);
        for number in 0..=PAYLOADS {
            let payload = number.to_string();
            echoes.expect(payload.as_bytes(), &hooks).published();
        }
        assert_eq!(echoes.0.lock().len(), PAYLOADS);
    }
}
