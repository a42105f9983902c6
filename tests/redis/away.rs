//! While the server is away, no caller waits for more than one attempt to connect.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use cache_runtime::{Bus, RedisCache};
use support::{Relay, Server, eventually, within};
use tokio::task::JoinSet;

use crate::fixture::{Users, Watched, builder};

type Probe<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

struct Probing<'a>(Probe<'a>);

impl fmt::Debug for Probing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a publisher that waits")
    }
}

const FOREVER: Duration = Duration::from_secs(3600);

/// When an attempt to connect ends, every caller that waits for it gets its result.
#[tokio::test]
async fn many_publishers_share_one_attempt() {
    let server = Server::start().await;
    let relay = Relay::to(server.port()).await;
    server.freeze();
    let bus = Bus::redis(relay.url())
        .connect_timeout(Duration::from_millis(300))
        .backoff(Duration::from_millis(1), Duration::from_millis(1))
        .connect_lazy()
        .unwrap();
    let users = Users::new(&bus);
    let mut publishers = JoinSet::new();
    for _ in 0..50 {
        let users = users.clone();
        publishers.spawn(async move { users.invalidate_all().await.is_err() });
    }
    let failed = within("all to be answered", publishers.join_all()).await;
    assert!(failed.into_iter().all(|failed| failed));
    assert_eq!(relay.accepted(), 1);
    server.thaw();
}

/// One caller waits for the attempt that shows whether the server is back. The others fail at once.
#[tokio::test]
async fn only_one_publisher_waits_once_silence_was_noticed() {
    let server = Server::start().await;
    let bus = builder(&server.url()).connect_timeout(FOREVER);
    // The outbox would be a publisher too, and could be the one that waits.
    let bus = bus.outbox(0, 0).connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    server.freeze();
    watched.down().await;

    let waits = |probe: &mut Probe<'_>| {
        let mut context = Context::from_waker(Waker::noop());
        probe.as_mut().poll(&mut context).is_pending()
    };
    // The pause after the loss has to pass before the first caller tries.
    let probing = async || {
        let mut probe: Probe<'_> = Box::pin(async { users.invalidate_all().await.is_ok() });
        waits(&mut probe).then_some(Probing(probe))
    };
    let probe = eventually("one to try", probing, Option::is_some).await;
    let Probing(mut probe) = probe.unwrap();
    for _ in 0..100 {
        let answer = within("an answer", async { users.invalidate_all().await }).await;
        assert!(answer.is_err());
    }
    assert!(waits(&mut probe));
    server.thaw();
}

/// The same holds for reads of values.
#[tokio::test]
async fn no_reader_waits_for_a_server_that_is_known_to_be_away() {
    let server = Server::start().await;
    let bus = builder(&server.url()).connect_timeout(FOREVER);
    let bus = bus.connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    let cache = RedisCache::<String>::builder(&bus, "values", FOREVER);
    let cache = cache.build().unwrap();
    cache
        .get_or_load("a", || async { "A".to_owned() })
        .await
        .unwrap();
    server.freeze();
    watched.down().await;

    // At most one reader waits for an attempt.
    let mut readers = JoinSet::new();
    for _ in 0..100 {
        let cache = cache.clone();
        readers.spawn(async move { cache.get("a").await.is_err() });
    }
    for _ in 0..99 {
        let failed = within("an answer", readers.join_next()).await;
        assert!(failed.unwrap().unwrap());
    }
    server.thaw();
}
