//! An audit: all caches and channels of a program, their use, and what looks wrong.
//!
//! ```sh
//! cargo run --example audit                                  # in this process, no server
//! cargo run --example audit -- --redis redis://127.0.0.1     # over Redis
//! ```

mod instances;

use std::error::Error;
use std::time::Duration;

use cache_runtime::{
    Bus, CoherentCache, Cooldown, Dedup, Evict, InvalidationEvent, RedisCache, TtlCache,
    cache_invalidation, redis,
};

use instances::Instances;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Which channels the bot is active in has changed.
#[derive(Debug, InvalidationEvent)]
enum ChannelActivationEvent {
    Channel { channel_id: String },
    All,
}

#[cache_invalidation(
    channel = "cache:channel-activation-invalidation",
    event = ChannelActivationEvent
)]
struct ChannelActivationInvalidation;

/// A personality was changed.
#[derive(Debug, InvalidationEvent)]
enum PersonalityEvent {
    Personality {
        personality_id: String,
    },
    /// A new picture, which no cache of this program holds.
    Avatar {
        personality_id: String,
    },
    All,
}

#[cache_invalidation(channel = "cache:invalidation", event = PersonalityEvent)]
struct PersonalityInvalidation;

/// A user was put on the denylist, or taken off.
#[derive(Debug, InvalidationEvent)]
enum DenylistEvent {
    User { user_id: String },
    All,
}

#[cache_invalidation(channel = "cache:denylist-invalidation", event = DenylistEvent)]
struct DenylistInvalidation;

/// The caches of an instance, one or more of every kind.
struct Caches {
    active: CoherentCache<String, bool>,
    denied: CoherentCache<String, bool>,
    prompts: RedisCache<String, redis::Coherent>,
    models: RedisCache<Vec<String>>,
    suggestions: TtlCache<String, Vec<String>>,
    requests: Dedup,
    notified: Cooldown<String>,
}

impl Caches {
    fn new(bus: &Bus) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            active: CoherentCache::builder("channel-activation", MINUTE / 2)
                .evict_on(
                    &ChannelActivationInvalidation::new(bus),
                    |event| match event {
                        ChannelActivationEvent::Channel { channel_id } => Evict::key(channel_id),
                        ChannelActivationEvent::All => Evict::All,
                    },
                )
                .build()?,
            denied: CoherentCache::builder("denylist", 5 * MINUTE)
                .max_entries(50_000)
                .evict_on(&DenylistInvalidation::new(bus), |event| match event {
                    DenylistEvent::User { user_id } => Evict::key(user_id),
                    DenylistEvent::All => Evict::All,
                })
                .build()?,
            prompts: RedisCache::builder(bus, "prompts", HOUR)
                .memory(MINUTE, 1_000)
                .evict_on(&PersonalityInvalidation::new(bus), |event| match event {
                    PersonalityEvent::Personality { personality_id } => Evict::key(personality_id),
                    PersonalityEvent::Avatar { .. } => Evict::Nothing,
                    PersonalityEvent::All => Evict::All,
                })
                .build()?,
            models: RedisCache::builder(bus, "model-list", 24 * HOUR)
                .memory(5 * MINUTE, 10)
                .build()?,
            suggestions: TtlCache::builder("autocomplete", MINUTE)
                .max_entries(500)
                .build()?,
            requests: Dedup::builder(bus, "requests").build()?,
            notified: Cooldown::builder("notifications", HOUR).build()?,
        })
    }

    async fn use_a_little(&self) -> Result<(), Box<dyn Error>> {
        for channel in ["1", "2", "1", "1"] {
            self.active.get_or_load(channel, || async { true }).await;
        }
        for user in ["ada", "bob", "ada"] {
            self.denied.get_or_load(user, || async { false }).await;
            let search = || async { vec!["Grace".to_owned()] };
            self.suggestions.get_or_load(user, search).await;
            // Only the use counts here, not the answers.
            let _ = self.notified.try_start(user);
            let _ = self.requests.reserve(user, "A").await?;
        }
        for _ in 0..3 {
            let prompt = || async { "You are a poet.".to_owned() };
            self.prompts.get_or_load("7", prompt).await?;
            let models = || async { vec!["small".to_owned()] };
            self.models.get_or_load("all", models).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let instances = Instances::from_arguments("audit").await?;
    let caches = Caches::new(&instances.a)?;
    instances.a.ready().await?;
    caches.use_a_little().await?;

    let activations = ChannelActivationInvalidation::new(&instances.a);
    activations.invalidate_channel("1").await?;
    let personalities = PersonalityInvalidation::new(&instances.a);
    personalities.invalidate_avatar("7").await?;

    // Includes other instances that have audited. `cache_runtime::audit()` covers this process
    // only.
    let audit = instances.a.audit().await?;
    println!("\n{audit}");
    println!("What the flags say here:");
    println!(
        "- `cache:denylist-invalidation`: no event is published on it. In this example that is intended;"
    );
    println!("  in a service, code that changes the denylist does not publish.");
    println!("- `avatar`: the event was published, and no cache of any instance evicts on it.");
    println!(
        "  That is intended too; in a service, a cache is missing, or the event is not needed."
    );

    println!("\nThe same as JSON, for a monitor:\n{}", audit.to_json());

    instances.a.close().await;
    let audit = cache_runtime::audit();
    println!("\nAfter the bus was closed, these caches and channels no longer work normally:");
    for row in audit.rows() {
        if let Some(why) = row.state.reason() {
            println!("  {}: {}, because {why}", row.name, row.state.as_str());
        }
    }
    instances.close().await
}
