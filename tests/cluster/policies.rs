//! Caches that serve although events are not proven to arrive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::coherent::WhileDown;
use cache_runtime::{Bus, CoherentCache};
use support::{Direction, Proxy, Server, eventually};

use crate::caches::{Items, LEASE, LONG, SERVE_FOR, TTL, bus, coherent};
use crate::clock::{Nanos, length, now};

const KEY: &str = "key";

/// A cache behind a proxy, and an instance with a direct connection that changes its only entry.
struct Scenario {
    _server: Server,
    proxy: Proxy,
    bus: Bus,
    cache: CoherentCache<String, u64>,
    elsewhere: Items,
    value: AtomicU64,
}

impl Scenario {
    /// Starts everything, and waits until the first value is cached.
    async fn start(policy: WhileDown, ttl: Duration) -> Self {
        let server = Server::start().await;
        let proxy = Proxy::to(server.port()).await;
        let bus_of = async |url: &str| bus(url).connect().await.expect("the server is running");
        let bus = bus_of(&proxy.url()).await;
        let scenario = Self {
            cache: coherent(&Items::new(&bus), policy, ttl),
            elsewhere: Items::new(&bus_of(&server.url()).await),
            value: AtomicU64::new(1),
            bus,
            proxy,
            _server: server,
        };
        scenario.live().await;
        let cached = async || {
            scenario.read().await;
            scenario.cache.get(KEY)
        };
        eventually("the value to be cached", cached, |value| *value == Some(1)).await;
        scenario
    }

    async fn read(&self) -> u64 {
        let load = async || self.value.load(Ordering::Relaxed);
        self.cache.get_or_load(KEY, load).await
    }

    async fn live(&self) {
        let ready = async || self.bus.ready().await;
        let live = eventually("the bus to be live", ready, Result::is_ok).await;
        live.expect("`eventually` has seen it");
    }

    /// Cuts the cache off from the server; returns the time.
    async fn cut_off(&self) -> Nanos {
        self.proxy.black_hole(Direction::Both);
        let since = now();
        let live = async || self.cache.health().is_live();
        eventually("the cache to notice", live, |live| !live).await;
        since
    }

    /// Changes the value and publishes the change; returns the time just before.
    async fn change(&self) -> Nanos {
        self.value.fetch_add(1, Ordering::Relaxed);
        let at = now();
        self.elsewhere
            .invalidate_item(KEY)
            .await
            .expect("the server is there");
        at
    }

    /// Waits until the first value is no longer served; returns when it was served last.
    async fn last_served(&self) -> Nanos {
        let mut last = 0;
        let served = async || {
            let at = now();
            let served = self.cache.get(KEY) == Some(1);
            if served {
                last = at;
            }
            served
        };
        eventually("the value not to be served any more", served, |served| {
            !served
        })
        .await;
        last
    }

    /// Restores the connection, and checks that the cache is empty as soon as it is live again.
    async fn is_empty_when_it_is_live_again(&self) {
        self.proxy.heal();
        let look = async || {
            let live = self.cache.health().is_live();
            (live, self.cache.get(KEY))
        };
        let (_, found) = eventually("the cache to be live", look, |(live, _)| *live).await;
        assert_eq!(found, None);
        assert_eq!(self.read().await, self.value.load(Ordering::Relaxed));
    }
}

/// Checks that a cache serves its entries until it is live again.
async fn goes_on(policy: WhileDown) {
    let scenario = Scenario::start(policy, LONG).await;
    scenario.cut_off().await;
    assert_eq!(scenario.read().await, 1);
    scenario.change().await;
    assert_eq!(scenario.read().await, 1, "that is what the policy says");
    scenario.is_empty_when_it_is_live_again().await;
}

#[tokio::test]
async fn serve_for_goes_on_and_is_empty_before_it_is_live_again() {
    goes_on(WhileDown::ServeFor(LONG)).await;
}

#[tokio::test]
async fn serve_until_ttl_goes_on_and_is_empty_before_it_is_live_again() {
    goes_on(WhileDown::ServeUntilTtl).await;
}

#[tokio::test]
async fn bypass_does_not_go_on_and_is_empty_before_it_is_live_again() {
    let scenario = Scenario::start(WhileDown::Bypass, LONG).await;
    scenario.cut_off().await;
    assert_eq!(scenario.cache.get(KEY), None);
    scenario.change().await;
    assert_eq!(scenario.read().await, 2);
    assert_eq!(scenario.cache.get(KEY), None, "nothing is stored");
    scenario.is_empty_when_it_is_live_again().await;
}

#[tokio::test]
async fn serve_for_ends_so_long_after_the_last_proof() {
    let scenario = Scenario::start(WhileDown::ServeFor(SERVE_FOR), LONG).await;
    let since = scenario.cut_off().await;
    scenario.change().await;
    let last = scenario.last_served().await;
    // No canary has come back that was sent later.
    let end = since + length(LEASE + SERVE_FOR);
    assert!(
        last < end,
        "{:?} too late",
        Duration::from_nanos(last - end)
    );
    assert_eq!(scenario.read().await, 2);
    assert_eq!(scenario.cache.get(KEY), None, "nothing is stored any more");
    scenario.is_empty_when_it_is_live_again().await;
}

#[tokio::test]
async fn serve_until_ttl_is_bounded_by_the_ttl() {
    let scenario = Scenario::start(WhileDown::ServeUntilTtl, TTL).await;
    scenario.cut_off().await;
    let changed = scenario.change().await;
    let last = scenario.last_served().await;
    assert!(last < changed + length(TTL));
    assert_eq!(scenario.read().await, 2);
    assert!(!scenario.cache.health().is_live());
    scenario.change().await;
    assert_eq!(
        scenario.read().await,
        2,
        "it is stored, although nothing is proven"
    );
    scenario.is_empty_when_it_is_live_again().await;
}
