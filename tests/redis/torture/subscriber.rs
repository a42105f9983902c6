//! Subscribers of every kind, and what each has received.

use std::collections::HashSet;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cache_runtime::service::Subscription;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::audit::Entry;
use crate::fixture::{UserEvent, Users};

/// How long a slow handler takes for an event.
const SLOW: Duration = Duration::from_millis(2);

/// How many events an unreliable handler takes between two panics.
const PANICS: u64 = 1000;

/// A subscriber's log.
#[derive(Debug, Clone)]
pub(super) struct Log {
    name: Arc<str>,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Log {
    fn new(bus: &str, kind: &str) -> Self {
        Self {
            name: format!("{bus}, {kind}").into(),
            entries: Arc::default(),
        }
    }

    fn record(&self, event: &UserEvent) {
        let id = match event {
            UserEvent::User { user_id } => Some(*user_id),
            UserEvent::All => None,
            // Part of a flood; it does not report a loss.
            UserEvent::Name { .. } => return,
        };
        let mut entries = lock(&self.entries);
        entries.push(Entry {
            id,
            at: Instant::now(),
        });
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        lock(&self.entries).clone()
    }

    pub(super) fn has(&self, id: u64) -> bool {
        // From the end, because the marker is among the last entries.
        let entries = lock(&self.entries);
        entries.iter().rev().any(|entry| entry.id == Some(id))
    }
}

/// The subscribers of one bus.
#[derive(Debug)]
pub(super) struct Subscribers {
    logs: Vec<Log>,
    /// The events that arrived while the channel was live.
    live: Arc<Mutex<HashSet<u64>>>,
    _guards: Vec<Subscription>,
    _stream: JoinSet<()>,
}

impl Subscribers {
    pub(super) fn start(bus: &str, users: &Users, slow: &Arc<AtomicBool>) -> Self {
        let inline = Log::new(bus, "inline");
        let sync = Log::new(bus, "handler");
        let unreliable = Log::new(bus, "panicking handler");
        let tardy = Log::new(bus, "slow handler");
        let streamed = Log::new(bus, "stream");
        let logs = [&inline, &sync, &unreliable, &tardy, &streamed]
            .map(Log::clone)
            .into();

        let live: Arc<Mutex<HashSet<u64>>> = Arc::default();
        let count = AtomicU64::new(0);
        let is_slow = Arc::clone(slow);
        let guards = vec![
            users.subscribe_inline({
                let (live, health) = (Arc::clone(&live), users.watch_health());
                move |event| {
                    inline.record(event);
                    if let UserEvent::User { user_id } = event
                        && health.borrow().is_live()
                    {
                        lock(&live).insert(*user_id);
                    }
                }
            }),
            users.subscribe(move |event| sync.record(&event)),
            users.subscribe(move |event| {
                let harmful = matches!(event, UserEvent::User { .. });
                if harmful && count.fetch_add(1, Ordering::Relaxed) % PANICS == PANICS - 1 {
                    // A panic without its message.
                    panic::resume_unwind(Box::new(()));
                }
                unreliable.record(&event);
            }),
            users.subscribe({
                let slow = Arc::clone(slow);
                move |event| {
                    let (log, slow) = (tardy.clone(), slow.load(Ordering::Relaxed));
                    async move {
                        if slow {
                            sleep(SLOW).await;
                        }
                        log.record(&event);
                    }
                }
            }),
        ];
        let mut events = users.events();
        let mut stream = JoinSet::new();
        stream.spawn(async move {
            while let Some(event) = events.recv().await {
                if is_slow.load(Ordering::Relaxed) {
                    sleep(SLOW).await;
                }
                streamed.record(&event);
            }
        });
        Self {
            logs,
            live,
            _guards: guards,
            _stream: stream,
        }
    }

    pub(super) fn live(&self) -> HashSet<u64> {
        lock(&self.live).clone()
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = &Log> {
        self.logs.iter()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
