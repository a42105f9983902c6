//! What services publish, for recorders of tests.

use std::sync::Arc;

use crate::sync::Mutex;
use crate::weak_list::WeakList;

/// All taps of the process.
static TAPS: WeakList<Tap> = WeakList::new();

/// Takes the payloads that the services of this process publish on a channel of a server.
pub(crate) struct Tap {
    server: String,
    channel: Arc<str>,
    payloads: Mutex<Vec<Vec<u8>>>,
}

impl Tap {
    pub(super) fn new(server: String, channel: &Arc<str>) -> Arc<Self> {
        let tap = Arc::new(Self {
            server,
            channel: Arc::clone(channel),
            payloads: Mutex::default(),
        });
        TAPS.add(Arc::downgrade(&tap));
        tap
    }

    pub(crate) fn payloads(&self) -> Vec<Vec<u8>> {
        self.payloads.lock().clone()
    }

    /// Returns the payloads, and forgets them.
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.payloads.lock())
    }
}

/// A payload is about to be published.
pub(super) fn published(server: impl Fn() -> String, channel: &str, payload: &[u8]) {
    let taps = TAPS.living();
    let mut taps = taps
        .iter()
        .filter(|tap| *tap.channel == *channel)
        .peekable();
    if taps.peek().is_none() {
        return;
    }
    let server = server();
    for tap in taps.filter(|tap| tap.server == server) {
        tap.payloads.lock().push(payload.to_vec());
    }
}
