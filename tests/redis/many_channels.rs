//! A bus with very many channels.

use cache_runtime::__private::{DeclaredChannel, Logging};
use cache_runtime::bus::Health;
use cache_runtime::service::{Invalidator, Subscription};
use cache_runtime::{Bus, InvalidationEvent};
use support::{Server, until};

use crate::fixture::connect;

const CHANNELS: usize = 20_000;

#[derive(InvalidationEvent)]
enum Nothing {
    All,
}

/// Each service has one channel, so the services are made at run time.
fn service(bus: &Bus, number: usize) -> Invalidator<Nothing> {
    let name = format!("cache:channel-{number}").leak();
    let logging = Logging {
        subscription: false,
        events: false,
        publish: false,
    };
    let declared = DeclaredChannel::new::<Nothing>(name, "Service", file!(), line!(), 0, logging);
    Invalidator::new(bus, Box::leak(Box::new(declared)))
}

#[tokio::test]
async fn become_live_and_live_again_after_a_loss() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = connect(&server.url()).await;
    let services: Vec<_> = (0..CHANNELS).map(|number| service(&bus, number)).collect();
    let inline = |service: &Invalidator<Nothing>| service.subscribe_inline(|_| ());
    let subscriptions: Vec<Subscription> = services.iter().map(inline).collect();
    let mut health = bus.watch_health();
    until("all to be live", &mut health, Health::is_live).await;
    assert!(services.iter().all(|service| service.health().is_live()));

    // And again after a loss.
    assert_eq!(admin.kill_clients("pubsub").await, 1);
    until("the loss", &mut health, |health| !health.is_live()).await;
    until("all to be live again", &mut health, Health::is_live).await;

    drop(subscriptions);
    until("the end", &mut health, |health| *health == Health::Idle).await;
}

/// The server refuses a whole command if it refuses one of its channels.
#[tokio::test]
async fn are_live_beside_some_that_the_server_refuses() {
    let server = Server::start().await;
    let allowed: Vec<String> = (0..3_000)
        .filter(|number| number % 1_000 != 500)
        .map(|number| format!("&cache:channel-{number}"))
        .collect();
    let rules = format!("+@all &cache-runtime:canary:* {}", allowed.join(" "));
    let bus = connect(&server.allow_app(&rules).await).await;
    let services: Vec<_> = (0..3_000).map(|number| service(&bus, number)).collect();
    let _subscriptions: Vec<Subscription> = services
        .iter()
        .map(|service| service.subscribe_inline(|_| ()))
        .collect();
    for (number, service) in services.iter().enumerate() {
        let refused = number % 1_000 == 500;
        let mut health = service.watch_health();
        let settled = |health: &Health| match health {
            Health::Down(_) => refused,
            health => health.is_live() && !refused,
        };
        until("the channel to be settled", &mut health, settled).await;
    }
}
