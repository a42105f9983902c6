//! The watch over the Sentinels: asks each with every heartbeat, and at once when it tells of a
//! fail-over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::SendError;
use redis::{AsyncConnectionConfig, PushInfo};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::sentinel::Sentinels;

/// What a Sentinel publishes when it promotes a replica, and when all is done.
const CHANNELS: [&str; 2] = ["+promoted-slave", "+switch-master"];

/// Runs until it is dropped. It begins when the Sentinels were asked for the first time.
pub(super) async fn watch(sentinels: Arc<Sentinels>, heartbeat: Duration, limit: Duration) {
    sentinels.used().await;
    let each = (0..sentinels.count()).map(|i| follow(&sentinels, i, heartbeat, limit));
    join_all(each).await;
}

/// Follows one Sentinel.
async fn follow(sentinels: &Sentinels, i: usize, heartbeat: Duration, limit: Duration) {
    loop {
        if let Err(reason) = listen(sentinels, i, heartbeat, limit).await {
            debug!(reason, "a Sentinel does not answer");
        }
        let was_heard = sentinels.is_heard();
        sentinels.silent(i);
        if was_heard && !sentinels.is_heard() {
            warn!("no Sentinel answers: the bus stays at its primary, and would miss a fail-over");
        }
        sleep(heartbeat).await;
    }
}

/// Asks one Sentinel until it does not answer.
async fn listen(
    sentinels: &Sentinels,
    i: usize,
    heartbeat: Duration,
    limit: Duration,
) -> Result<(), String> {
    let pushed = Arc::new(Notify::new());
    let config = AsyncConnectionConfig::new().set_push_sender({
        let pushed = Arc::clone(&pushed);
        // Whatever it is, the answer to the next question says more.
        move |_: PushInfo| {
            pushed.notify_one();
            Ok::<(), SendError>(())
        }
    });
    let late = |_| "it does not answer in time".to_owned();
    let connecting = timeout(limit, sentinels.connect(i, config));
    let connected = connecting.await.map_err(late)?;
    let mut connection = connected.map_err(|cause| cause.to_string())?;
    // Without the right to subscribe, the questions have to do.
    let subscribed = timeout(limit, connection.subscribe(&CHANNELS[..])).await;
    if let Err(error) = subscribed.map_err(late)? {
        debug!(%error, "a Sentinel refuses to tell of fail-overs");
    }
    loop {
        let asked = timeout(limit, sentinels.ask(i, &mut connection)).await;
        asked.map_err(late)?.map_err(|cause| cause.to_string())?;
        let _ = timeout(heartbeat, pushed.notified()).await;
    }
}
