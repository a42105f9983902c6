//! Publishers of numbered events: plain connections without a bus, and a service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::time::sleep;

use super::audit::Acknowledged;
use crate::fixture::{Users, builder};

/// The number of events that are sent together.
const BATCH: u64 = 4;

/// How long a publisher waits for the server.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is shared with a publisher.
#[derive(Debug, Clone)]
pub(super) struct Control {
    number: u64,
    stop: Arc<AtomicBool>,
    progress: Arc<AtomicU64>,
}

impl Control {
    /// Publishers of different numbers publish different events. All stop together.
    pub(super) fn new(number: u64, stop: &Arc<AtomicBool>) -> Self {
        Self {
            number,
            stop: Arc::clone(stop),
            progress: Arc::default(),
        }
    }

    /// How many events were acknowledged so far.
    pub(super) fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    fn first(&self) -> u64 {
        (self.number + 1) * 1_000_000_000
    }

    /// Waits 1 ms; returns `false` when the publisher has to stop.
    async fn go_on(&self) -> bool {
        sleep(Duration::from_millis(1)).await;
        !self.stop.load(Ordering::Relaxed)
    }

    fn acknowledge(&self, events: u64) {
        self.progress.fetch_add(events, Ordering::Relaxed);
    }
}

/// Publishes through a service until told to stop. Returns the events whose publish succeeded, in
/// the order of sending.
pub(super) async fn serve(url: String, control: Control) -> Vec<Acknowledged> {
    let bus = builder(&url)
        .connect_timeout(PATIENCE)
        .response_timeout(PATIENCE);
    let users = Users::new(&bus.connect_lazy().expect("the address is valid"));
    let mut acknowledged = Vec::new();
    let mut next = control.first();
    while control.go_on().await {
        for _ in 0..BATCH {
            let id = next;
            next += 1;
            let sent = Instant::now();
            if users.invalidate_user(id).await.is_err() {
                break;
            }
            acknowledged.push(Acknowledged { id, sent });
            control.acknowledge(1);
        }
    }
    acknowledged
}

/// Publishes over a plain connection until told to stop. Returns the events that the server
/// acknowledged, in the order of sending.
pub(super) async fn run(url: String, control: Control) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    let mut next = control.first();
    let mut connection = None;
    while control.go_on().await {
        let Some(open) = &mut connection else {
            connection = connect(&url).await.ok();
            continue;
        };
        let ids = next..next + BATCH;
        next = ids.end;
        let mut batch = redis::pipe();
        for id in ids.clone() {
            let payload = format!(r#"{{"type":"user","userId":{id}}}"#);
            batch.cmd("PUBLISH").arg("cache:users").arg(payload);
        }
        let sent = Instant::now();
        match batch.query_async::<Vec<u64>>(open).await {
            Ok(_) => {
                acknowledged.extend(ids.map(|id| Acknowledged { id, sent }));
                control.acknowledge(BATCH);
            }
            Err(_) => connection = None,
        }
    }
    acknowledged
}

async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let client = Client::open(url)?;
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}
