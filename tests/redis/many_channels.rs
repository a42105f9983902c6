//! A bus with very many channels.

use cache_runtime::__private::{DeclaredChannel, Logging};
use cache_runtime::bus::Health;
use cache_runtime::service::{Invalidator, Subscription};
use cache_runtime::{Bus, InvalidationEvent};
use support::{Server, within};

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
    let live = within("all to be live", health.wait_for(Health::is_live)).await;
    drop(live.unwrap());
    assert!(services.iter().all(|service| service.health().is_live()));

    // And again after a loss.
    assert_eq!(admin.kill_clients("pubsub").await, 1);
    let lost = within("the loss", health.wait_for(|health| !health.is_live())).await;
    drop(lost.unwrap());
    let live = within("all to be live again", health.wait_for(Health::is_live)).await;
    drop(live.unwrap());

    drop(subscriptions);
    let idle = within("the end", health.wait_for(|health| *health == Health::Idle)).await;
    drop(idle.unwrap());
}

/// The server refuses a whole command if it refuses one of its channels.
#[tokio::test]
async fn are_live_beside_some_that_the_server_refuses() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let rules = [
        "ACL",
        "SETUSER",
        "app",
        "on",
        ">secret",
        "+@all",
        "resetchannels",
    ];
    let allowed: Vec<String> = (0..3_000)
        .filter(|number| number % 1_000 != 500)
        .map(|number| format!("&cache:channel-{number}"))
        .chain(["&cache-runtime:canary:*".to_owned()])
        .collect();
    let rules: Vec<&str> = rules
        .into_iter()
        .chain(allowed.iter().map(String::as_str))
        .collect();
    admin.run::<()>(&rules).await;
    let bus = connect(&server.url_as("app", "secret")).await;
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
        let settled = within("the channel to be settled", health.wait_for(settled)).await;
        drop(settled.unwrap());
    }
}
