//! Whether the bot is active in a channel: an instance with a stale answer acts wrongly.
//!
//! ```sh
//! cargo run --example activations                                  # in this process, no server
//! cargo run --example activations -- --redis redis://127.0.0.1     # over Redis
//! ```

mod instances;

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use cache_runtime::service::Events;
use cache_runtime::{
    Bus, CoherentCache, Evict, InvalidationEvent, ManualClock, Services, TtlCache,
    cache_invalidation,
};
use tokio::sync::oneshot;

use instances::Instances;

/// Which channels the bot is active in has changed.
#[derive(Debug, InvalidationEvent)]
enum ChannelActivationEvent {
    /// One channel: `{"type":"channel","channelId":"…"}`.
    Channel { channel_id: String },
    /// Any of them: `{"type":"all"}`.
    All,
}

/// Tells every instance which activations are stale.
#[cache_invalidation(
    channel = "cache:channel-activation-invalidation",
    event = ChannelActivationEvent
)]
struct ChannelActivationInvalidation;

const CHANNEL: &str = "991653853096068000";
const TTL: Duration = Duration::from_secs(30);

/// Stands in for the database that all instances share, with one channel in it.
#[derive(Default)]
struct Database {
    active: AtomicBool,
    queries: AtomicU32,
}

impl Database {
    fn is_active(&self) -> bool {
        self.queries.fetch_add(1, Ordering::SeqCst);
        self.active.load(Ordering::SeqCst)
    }

    fn set_active(&self, active: bool) {
        self.active.store(active, Ordering::SeqCst);
    }

    fn queries(&self) -> u32 {
        self.queries.load(Ordering::SeqCst)
    }
}

/// What one instance has: the cache, and the events that evict from it.
struct Instance {
    active: CoherentCache<String, bool>,
    /// The events that were applied to the cache.
    events: Events<ChannelActivationEvent>,
}

impl Instance {
    fn new(bus: &Bus) -> Result<Self, Box<dyn Error>> {
        let service = ChannelActivationInvalidation::new(bus);
        let active = CoherentCache::builder("channel-activation", TTL)
            .evict_on(&service, |event| match event {
                ChannelActivationEvent::Channel { channel_id } => Evict::key(channel_id),
                ChannelActivationEvent::All => Evict::All,
            })
            .build()?;
        let events = service.events();
        Ok(Self { active, events })
    }

    async fn is_active(&self, database: &Database) -> bool {
        (self.active)
            .get_or_load(CHANNEL, || async { database.is_active() })
            .await
    }

    /// Waits until an event of the channel has arrived here. By then it has evicted.
    async fn hears_of_the_change(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            match self.events.recv().await {
                Some(ChannelActivationEvent::Channel { .. }) => return Ok(()),
                // Arrives once over Redis, because the subscription is new.
                Some(ChannelActivationEvent::All) => {}
                None => return Err("the bus was closed".into()),
            }
        }
    }
}

/// A command on instance A. It is far from `main`, so it gets the service from the registry.
async fn set_active(database: &Database, active: bool) -> Result<(), Box<dyn Error>> {
    let service = Services::global().get::<ChannelActivationInvalidation>()?;
    database.set_active(active);
    service.invalidate_channel(CHANNEL).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let instances = Instances::from_arguments("activations").await?;
    let database = Database::default();
    Services::global().register(ChannelActivationInvalidation::new(&instances.a))?;

    bug(&database).await?;

    let a = Instance::new(&instances.a)?;
    let mut b = Instance::new(&instances.b)?;
    instances.a.ready().await?;
    instances.b.ready().await?;
    no_bug(&database, &a, &mut b).await?;
    overtaken(&database, &mut b).await?;
    cut_off(&database, &instances.b, &b).await;
    started_without_redis(&database).await?;
    instances.close().await
}

async fn bug(database: &Database) -> Result<(), Box<dyn Error>> {
    println!("\n1. The bug: B keeps activations in a TtlCache, for 30 s");
    let clock = ManualClock::new();
    let cache = TtlCache::builder("cache", TTL).clock(&clock).build()?;
    let is_active = || cache.get_or_load(CHANNEL, || async { database.is_active() });

    database.set_active(true);
    println!("   [B] active? {}", is_active().await);
    database.set_active(false);
    println!("   [A] deactivates the channel in the database");
    println!(
        "   [B] active? {} <- wrong: B answers in a channel where the bot is inactive",
        is_active().await
    );
    clock.advance(TTL);
    println!(
        "   [B] active? {} (30 s later, by a clock that the example has moved)",
        is_active().await
    );
    Ok(())
}

async fn no_bug(database: &Database, a: &Instance, b: &mut Instance) -> Result<(), Box<dyn Error>> {
    println!("\n2. Without it: a CoherentCache, which events evict from");
    database.set_active(true);
    println!("   [A] active? {}", a.is_active(database).await);
    println!("   [B] active? {}", b.is_active(database).await);
    set_active(database, false).await?;
    println!("   [A] deactivates the channel in the database, and publishes it");
    println!(
        "   [A] active? {} (A reads its own writes: it evicts before it publishes)",
        a.is_active(database).await
    );
    b.hears_of_the_change().await?;
    println!(
        "   [B] active? {} (the event has evicted it, so B has asked the database)",
        b.is_active(database).await
    );
    let before = database.queries();
    println!(
        "   [B] active? {} ({} queries: it is cached again)",
        b.is_active(database).await,
        database.queries() - before
    );
    Ok(())
}

async fn overtaken(database: &Database, b: &mut Instance) -> Result<(), Box<dyn Error>> {
    println!("\n3. A load that begins before the event, and ends after it");
    set_active(database, true).await?;
    b.hears_of_the_change().await?;

    let (asked, has_asked) = oneshot::channel();
    let (answer, answered) = oneshot::channel::<()>();
    let cache = b.active.clone();
    let load = cache.get_or_load(CHANNEL, || async move {
        let active = database.is_active();
        println!("   [B] the database says {active}, and the answer is slow to arrive");
        // Both fail only if `change` has failed, and then there is nothing to wait for.
        let _ = asked.send(());
        let _ = answered.await;
        active
    });
    let change = async {
        has_asked.await?;
        set_active(database, false).await?;
        println!("   [A] deactivates the channel meanwhile, and publishes it");
        b.hears_of_the_change().await?;
        let _ = answer.send(());
        Ok::<_, Box<dyn Error>>(())
    };
    let (active, changed) = tokio::join!(load, change);
    changed?;
    println!("   [B] the load returns {active} to callers that asked before the change");
    println!(
        "   [B] cached: {:?}; values not stored because an event overtook them: {}",
        b.active.get(CHANNEL),
        b.active.stats().overtaken_loads
    );
    println!("   [B] active? {}", b.is_active(database).await);
    Ok(())
}

async fn cut_off(database: &Database, bus: &Bus, b: &Instance) {
    println!("\n4. B is cut off, so it no longer receives events");
    println!("   [B] cached: {:?}", b.active.get(CHANNEL));
    bus.close().await;
    database.set_active(true);
    println!("   [A] activates the channel; B's bus is closed, so B receives no event");
    println!(
        "   [B] active? {} (events are not proven to arrive, so B asks the database: {})",
        b.is_active(database).await,
        b.active.health()
    );
}

async fn started_without_redis(database: &Database) -> Result<(), Box<dyn Error>> {
    println!("\n5. An instance C that starts while Redis is away");
    let bus = instances::without_redis()?;
    let c = Instance::new(&bus)?;
    if let Err(error) = bus.ready().await {
        println!("   [C] {error:#}");
    }
    let before = database.queries();
    let (first, second) = (c.is_active(database).await, c.is_active(database).await);
    println!(
        "   [C] active? {first}, {second} ({} queries: reads bypass the cache, which is slow but \
         right)",
        database.queries() - before
    );
    database.set_active(false);
    let service = ChannelActivationInvalidation::new(&bus);
    if let Err(error) = service.invalidate_channel(CHANNEL).await {
        println!("   [C] deactivates it, but cannot publish it: {error:#}");
    }
    println!("   [C] active? {}", c.is_active(database).await);
    bus.close().await;
    Ok(())
}
