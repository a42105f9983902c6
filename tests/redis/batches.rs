//! Publications of many tasks at a time share the question whether the server is a primary.

use std::pin::Pin;
use std::task::{Context, Waker};

use cache_runtime::Bus;
use cache_runtime::service::{PublishError, Receipt};
use support::{Direction, Proxy, Recorder, Relay, Server};

use crate::close::nobody_is_left;
use crate::fixture::{UserEvent, Users, builder, connect, patient, user};
use crate::primary::{fail_over, follow, in_step};

/// So many that most of them wait for the answers to others.
const MANY: u64 = 100;
/// In the middle of a batch.
const LATE: &str = r#""userId":70}"#;

/// A publisher, whose connections lead through a proxy and a relay.
struct Publisher {
    proxy: Proxy,
    relay: Relay,
    bus: Bus,
    users: Users,
}

impl Publisher {
    async fn start(server: &Server, url: &str) -> Self {
        let port = |url: &str| url.rsplit(':').next().unwrap().parse().unwrap();
        let relay = Relay::to(server.port()).await;
        let proxy = Proxy::to(port(&relay.url())).await;
        let url = url.replace(&server.port().to_string(), &port(&proxy.url()).to_string());
        let bus = patient(builder(&url)).connect().await.unwrap();
        let users = Users::new(&bus);
        users.invalidate_user(MANY).await.unwrap();
        Self {
            proxy,
            relay,
            bus,
            users,
        }
    }

    /// Begins to publish events, none of which reaches the server before the proxy is healed.
    async fn begin_many(
        &self,
        events: &[UserEvent],
    ) -> Vec<Pin<Box<impl Future<Output = Result<Receipt, PublishError>>>>> {
        self.proxy.black_hole(Direction::ToServer);
        let mut publishing: Vec<_> = events
            .iter()
            .map(|it| Box::pin(self.users.publish(it)))
            .collect();
        for publishing in &mut publishing {
            let mut context = Context::from_waker(Waker::noop());
            assert!(publishing.as_mut().poll(&mut context).is_pending());
            // Each has a budget of its own.
            tokio::task::yield_now().await;
        }
        publishing
    }

    /// Publishes events. None reaches the server before all of them wait and `meanwhile` is done.
    async fn publish_many(
        &self,
        events: &[UserEvent],
        meanwhile: impl AsyncFnOnce(),
    ) -> Vec<Result<Receipt, PublishError>> {
        let publishing = self.begin_many(events).await;
        meanwhile().await;
        self.proxy.heal();
        let mut published = Vec::new();
        // Nobody polls the others until it is their turn.
        for publishing in publishing {
            published.push(publishing.await);
        }
        published
    }
}

async fn record(server: &Server) -> Recorder<UserEvent> {
    let seen = Recorder::new();
    let users = Users::new(&connect(&server.url()).await);
    users.subscribe(seen.handler()).detach();
    users.ready().await.unwrap();
    seen
}

async fn all_are_seen(seen: &Recorder<UserEvent>) {
    let all = |seen: &[UserEvent]| many().iter().all(|event| seen.contains(event));
    seen.until("every event", all).await;
}

fn many() -> Vec<UserEvent> {
    (0..MANY).map(user).collect()
}

#[tokio::test]
async fn have_one_question_each() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let publisher = Publisher::start(&server, &server.url()).await;
    let asked = async || (admin.calls("publish").await, admin.calls("zrem").await);
    assert_eq!(asked().await, (1, 1));
    for published in publisher.publish_many(&many(), async || ()).await {
        published.unwrap();
    }
    let (publications, questions) = asked().await;
    assert_eq!(publications, 1 + MANY);
    assert!(questions <= MANY / 10, "{questions}");
}

/// Others would wait for them.
#[tokio::test]
async fn have_no_long_publications() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let publisher = Publisher::start(&server, &server.url()).await;
    let name = "n".repeat(5_000);
    let events: Vec<_> = (0..10)
        .map(|_| UserEvent::Name { name: name.clone() })
        .collect();
    for published in publisher.publish_many(&events, async || ()).await {
        published.unwrap();
    }
    assert_eq!(admin.calls("zrem").await, admin.calls("publish").await);
}

async fn a_replica_takes_batches_of_a_user_with(rules: &str) {
    let (first, second) = (Server::start().await, Server::start().await);
    second.allow_app(rules).await;
    let publisher = Publisher::start(&first, &first.allow_app(rules).await).await;
    fail_over(&first, &second, &publisher.relay).await;
    let seen = record(&second).await;
    for published in publisher.publish_many(&many(), async || ()).await {
        published.unwrap();
    }
    all_are_seen(&seen).await;
}

#[tokio::test]
async fn that_a_replica_takes_are_sent_to_the_primary_as_well() {
    a_replica_takes_batches_of_a_user_with("+@all allkeys allchannels").await;
}

#[tokio::test]
async fn of_a_user_who_may_not_write_are_as_well() {
    a_replica_takes_batches_of_a_user_with("+@all -zrem allkeys allchannels").await;
}

/// Of a batch, the first part is sent to the primary. The question comes after the rest.
#[tokio::test]
async fn of_which_a_replica_takes_the_end_are_sent_to_the_primary_as_well() {
    let (primary, replica) = (Server::start().await, Server::start().await);
    let admin = replica.admin().await;
    follow(&admin, &primary).await;
    in_step(&admin).await;
    let publisher = Publisher::start(&primary, &primary.url()).await;
    let seen = record(&primary).await;
    let move_within = async || publisher.relay.move_before(LATE, replica.port());
    for published in publisher.publish_many(&many(), move_within).await {
        published.unwrap();
    }
    assert_eq!(publisher.relay.moved(), 1);
    all_are_seen(&seen).await;
}

#[tokio::test]
async fn that_a_replica_takes_are_deferred_while_there_is_no_primary() {
    let (first, second) = (Server::start().await, Server::start().await);
    let publisher = Publisher::start(&first, &first.url()).await;
    let demote = async || follow(&first.admin().await, &second).await;
    for published in publisher.publish_many(&many(), demote).await {
        let error = published.unwrap_err();
        assert!(error.is_deferred(), "{error:#}");
        assert!(format!("{error:#}").contains("replica"), "{error:#}");
    }
}

#[tokio::test]
async fn whose_connection_ends_are_sent_again() {
    let server = Server::start().await;
    let publisher = Publisher::start(&server, &server.url()).await;
    let seen = record(&server).await;
    let cut = async || publisher.proxy.cut();
    for published in publisher.publish_many(&many(), cut).await {
        published.unwrap();
    }
    all_are_seen(&seen).await;
}

#[tokio::test]
async fn end_with_the_bus() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let publisher = Publisher::start(&server, &server.url()).await;
    let events = many();
    let publishing = publisher.begin_many(&events).await;
    publisher.bus.close().await;
    for publishing in publishing {
        assert!(publishing.await.unwrap_err().is_closed());
    }
    // Only now, because what the server has answered has been published.
    publisher.proxy.heal();
    nobody_is_left(&admin).await;
}
