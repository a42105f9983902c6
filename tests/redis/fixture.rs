//! The events, services and settings that the scenarios share.

use std::time::Duration;

use cache_runtime::bus::{BusBuilder, Health};
use cache_runtime::service::Subscription;
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use support::{Recorder, until};
use tokio::sync::watch;

/// Users have changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum UserEvent {
    /// One user.
    User { user_id: u64 },
    /// A name, for payloads of any length.
    Name { name: String },
    /// Everything.
    All,
}

/// The user of this number has changed.
pub(crate) const fn user(user_id: u64) -> UserEvent {
    UserEvent::User { user_id }
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Users;

#[cache_invalidation(channel = "cache:teams", event = UserEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Teams;

#[cache_invalidation(channel = "cache:guests", event = UserEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Guests;

/// A bus that notices silence quickly. Tests that count losses call [`patient`] as well.
pub(crate) fn builder(url: &str) -> BusBuilder {
    Bus::redis(url)
        .heartbeat(Duration::from_millis(100))
        .lease(Duration::from_secs(1))
        .backoff(Duration::from_millis(20), Duration::from_millis(200))
        .response_timeout(Duration::from_millis(800))
}

/// Never takes a busy machine for a broken connection: every loss is caused by the test.
pub(crate) fn patient(builder: BusBuilder) -> BusBuilder {
    const FOREVER: Duration = Duration::from_secs(3600);
    builder
        .lease(FOREVER)
        .connect_timeout(FOREVER)
        .response_timeout(FOREVER)
}

/// A bus with the settings of [`builder`].
pub(crate) async fn connect(url: &str) -> Bus {
    builder(url).connect().await.expect("the server is running")
}

/// What the subscribers of one service have received, and its health at that moment.
#[derive(Debug)]
pub(crate) struct Watched {
    /// From a handler.
    pub(crate) handler: Recorder<UserEvent>,
    /// From an inline subscriber, with whether the channel was live.
    pub(crate) inline: Recorder<(UserEvent, bool)>,
    pub(crate) health: watch::Receiver<Health>,
    _guards: [Subscription; 2],
}

impl Watched {
    /// Subscribes in both ways, waits until the channel is live, and drops what was received so
    /// far.
    pub(crate) async fn start(users: &Users) -> Self {
        let (handler, inline) = (Recorder::new(), Recorder::new());
        let health = users.watch_health();
        let guards = [
            users.subscribe_inline({
                let (inline, health) = (inline.clone(), health.clone());
                move |event| inline.record((event.clone(), health.borrow().is_live()))
            }),
            users.subscribe(handler.handler()),
        ];
        let watched = Self {
            handler,
            inline,
            health,
            _guards: guards,
        };
        users.ready().await.expect("nothing stands in the way");
        // Comes after everything that the new subscriptions cause.
        watched.passes(users, u64::MAX).await;
        watched.forget();
        watched
    }

    /// Empties both records.
    pub(crate) fn forget(&self) {
        self.handler.clear();
        self.inline.clear();
    }

    /// Publishes an event, and waits until both subscribers have received it.
    pub(crate) async fn passes(&self, users: &Users, user_id: u64) {
        let published = users.invalidate_user(user_id).await;
        published.expect("the server is there");
        let event = user(user_id);
        let handled = |events: &[UserEvent]| events.contains(&event);
        self.handler
            .until("the handler to get the event", handled)
            .await;
        // The publisher's own inline subscriber has received it before it was sent.
    }

    /// Waits until the channel is not live.
    pub(crate) async fn down(&self) {
        let mut health = self.health.clone();
        let down = |health: &Health| !health.is_live();
        until("the channel not to be live any more", &mut health, down).await;
        // Inline subscribers are flushed right after that.
        let told = |events: &[(UserEvent, bool)]| events.contains(&(UserEvent::All, false));
        self.inline
            .until("the inline subscriber to get `All`", told)
            .await;
    }

    /// Waits until the channel is live.
    pub(crate) async fn live(&self) {
        let mut health = self.health.clone();
        until("the channel to be live", &mut health, Health::is_live).await;
    }

    /// Waits until the handler has received `All`.
    pub(crate) async fn told(&self) {
        let told = |events: &[UserEvent]| events.contains(&UserEvent::All);
        self.handler.until("the handler to get `All`", told).await;
    }

    /// Asserts that the inline subscriber received `All` first, while the channel was not live.
    pub(crate) fn assert_inline_told_first(&self) {
        let seen = self.inline.seen();
        assert_eq!(seen.first(), Some(&(UserEvent::All, false)), "{seen:?}");
    }
}
