//! A reader that is always connected, and a writer that can be cut off.

use std::time::Duration;

use cache_runtime::bus::BusBuilder;
use cache_runtime::service::{PublishError, Receipt, Subscription};
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use support::{Direction, Proxy, Recorder, Server, eventually};

pub(crate) const LONG: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum UserEvent {
    User { user_id: u64 },
    All,
}

pub(crate) const fn user(user_id: u64) -> UserEvent {
    UserEvent::User { user_id }
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
#[derive(Clone)]
pub(crate) struct Users;

#[cache_invalidation(channel = "cache:teams", event = UserEvent)]
#[derive(Clone)]
pub(crate) struct Teams;

/// Gives up soon.
pub(crate) fn hasty(url: &str) -> BusBuilder {
    Bus::redis(url)
        .connect_timeout(Duration::from_millis(500))
        .response_timeout(Duration::from_millis(500))
        .backoff(Duration::from_millis(10), Duration::from_millis(100))
}

/// Never takes a busy machine for a loss.
pub(crate) fn patient(url: &str) -> BusBuilder {
    Bus::redis(url)
        .lease(LONG)
        .connect_timeout(LONG)
        .response_timeout(LONG)
}

pub(crate) fn cache(users: &Users) -> CoherentCache<u64, &'static str> {
    CoherentCache::builder("users", LONG)
        .evict_on(users, |event| match event {
            UserEvent::User { user_id } => Evict::key(*user_id),
            UserEvent::All => Evict::All,
        })
        .build()
        .unwrap()
}

/// An instance that receives events.
pub(crate) struct Reader {
    pub(crate) bus: Bus,
    pub(crate) users: Users,
    pub(crate) cache: CoherentCache<u64, &'static str>,
    pub(crate) seen: Recorder<UserEvent>,
    pub(crate) teams: Recorder<UserEvent>,
    _guards: [Subscription; 2],
}

impl Reader {
    pub(crate) async fn on(bus: Bus) -> Self {
        let reader = Self::start(bus).await;
        for seen in [&reader.seen, &reader.teams] {
            seen.until("the first `All`", |seen| !seen.is_empty()).await;
            seen.clear();
        }
        reader
    }

    /// In the process, nothing can be lost before the first event.
    pub(crate) async fn in_process() -> Self {
        Self::start(Bus::in_process()).await
    }

    async fn start(bus: Bus) -> Self {
        let users = Users::new(&bus);
        let (seen, teams) = (Recorder::new(), Recorder::new());
        let guards = [
            users.subscribe(seen.handler()),
            Teams::new(&bus).subscribe(teams.handler()),
        ];
        let cache = cache(&users);
        bus.ready().await.unwrap();
        Self {
            bus,
            users,
            cache,
            seen,
            teams,
            _guards: guards,
        }
    }

    /// Keeps a value, which has to be loaded again until nothing overtakes it.
    pub(crate) async fn fill(&self, user_id: u64) {
        let filled = async || {
            self.cache.get_or_load(&user_id, || async { "old" }).await;
            self.cache.get(&user_id)
        };
        eventually("the value to be kept", filled, Option::is_some).await;
    }

    pub(crate) async fn hears(&self, event: UserEvent) {
        let heard = |seen: &[UserEvent]| seen.contains(&event);
        self.seen.until("the deferred event", heard).await;
    }

    pub(crate) async fn loses(&self, user_id: u64) {
        let get = async || self.cache.get(&user_id);
        eventually("the value to be evicted", get, Option::is_none).await;
    }
}

/// A server, a reader that is connected to it, and a writer that only publishes, behind a proxy.
pub(crate) struct Place {
    pub(crate) reader: Reader,
    pub(crate) bus: Bus,
    pub(crate) users: Users,
    pub(crate) proxy: Proxy,
    pub(crate) server: Server,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(settings: impl FnOnce(BusBuilder) -> BusBuilder) -> Self {
        let server = Server::start().await;
        let proxy = Proxy::to(server.port()).await;
        let reader = patient(&server.url()).connect().await.unwrap();
        let bus = settings(hasty(&proxy.url())).connect_lazy().unwrap();
        Self {
            reader: Reader::on(reader).await,
            users: Users::new(&bus),
            bus,
            proxy,
            server,
        }
    }

    /// From now on, nothing of the writer reaches the server, nor will it later.
    pub(crate) fn cut_off(&self) {
        self.proxy.black_hole(Direction::Both);
        self.proxy.cut();
    }

    /// Publishes while the writer is cut off.
    pub(crate) async fn defer(&self, user_id: u64) {
        deferred(self.users.invalidate_user(user_id).await);
    }

    /// Waits until the writer's outbox is empty.
    pub(crate) async fn sent(&self) {
        let left = async || self.users.stats().in_outbox();
        eventually("the outbox to be empty", left, |left| *left == 0).await;
    }
}

#[track_caller]
pub(crate) fn deferred(published: Result<Receipt, PublishError>) {
    let error = published.unwrap_err();
    assert!(error.is_deferred() && !error.is_refused(), "{error:#}");
    let text = format!("{error:#}");
    assert!(
        text.contains("is deferred and will be sent later"),
        "{text}"
    );
}
