//! A provider's list of models: expensive to load, the same for all instances, and rarely changed.
//!
//! ```sh
//! cargo run --example model_list                                  # in this process, no server
//! cargo run --example model_list -- --redis redis://127.0.0.1     # over Redis
//! ```

mod instances;

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_runtime::{BuildError, Bus, ManualClock, RedisCache};
use serde::{Deserialize, Serialize};

use instances::Instances;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Model {
    id: String,
    context_length: u32,
}

/// Stands in for the provider.
#[derive(Default)]
struct Provider {
    requests: AtomicU32,
}

impl Provider {
    async fn models(&self) -> io::Result<Vec<Model>> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        // Other tasks run meanwhile, as they do while a program awaits the network.
        tokio::task::yield_now().await;
        let model = |id: &str, context_length| Model {
            id: id.to_owned(),
            context_length,
        };
        Ok(vec![model("small", 8_192), model("large", 200_000)])
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// What each instance builds: 24 hours in Redis for all, and 5 minutes in its own memory.
fn model_list(bus: &Bus, clock: &ManualClock) -> Result<RedisCache<Vec<Model>>, BuildError> {
    RedisCache::builder(bus, "model-list", DAY)
        .memory(FIVE_MINUTES, 10)
        .load_lock(Duration::from_secs(10))
        .clock(clock)
        .build()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let instances = Instances::from_arguments("model_list").await?;
    let provider = Provider::default();
    // For the memory level only: Redis expires keys by its own clock.
    let clock = ManualClock::new();
    let a = model_list(&instances.a, &clock)?;
    let b = model_list(&instances.b, &clock)?;
    let load = || provider.models();

    println!("\n1. Both instances want the list, and neither has it");
    let (from_a, from_b) = tokio::join!(
        a.try_get_or_load("all", load),
        b.try_get_or_load("all", load)
    );
    println!("   [A] {} models", from_a?.len());
    println!("   [B] {} models", from_b?.len());
    println!(
        "   requests to the provider: {} (one instance loads, the other waits for what it stores)",
        provider.requests()
    );

    println!("\n2. Again, at once");
    for (name, cache) in [("A", &a), ("B", &b)] {
        let models = cache.try_get_or_load("all", load).await?;
        let stats = cache.stats();
        println!(
            "   [{name}] {} models; found in memory: {}, so Redis was not asked",
            models.len(),
            stats.memory_hits
        );
    }

    println!("\n3. Five minutes later, by a clock that the example has moved");
    clock.advance(FIVE_MINUTES);
    let before = a.stats().redis_hits;
    a.try_get_or_load("all", load).await?;
    println!(
        "   [A] found in Redis: {}; in memory again from now on",
        a.stats().redis_hits - before
    );

    println!("\n4. B restarts, with an empty memory");
    let restarted = model_list(&instances.b, &clock)?;
    let models = restarted.try_get_or_load("all", load).await?;
    let largest = models.iter().max_by_key(|model| model.context_length);
    println!(
        "   [B] found in Redis: {}; the largest model is {:?}",
        restarted.stats().redis_hits,
        largest.map(|model| &model.id)
    );
    println!(
        "   requests to the provider, all in all: {}",
        provider.requests()
    );

    println!("\n5. An instance C that starts while Redis is away");
    let away = instances::without_redis()?;
    let c = model_list(&away, &clock)?;
    let models = c.try_get_or_load("all", load).await?;
    println!(
        "   [C] {} models: it has loaded them itself; commands that Redis did not answer: {}",
        models.len(),
        c.stats().redis_errors
    );
    if let Err(error) = c.get("other").await {
        println!("   [C] without a loader it cannot know: {error:#}");
    }
    away.close().await;
    instances.close().await
}
