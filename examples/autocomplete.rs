//! Suggestions while a user types: read at every keystroke, and allowed to be a minute old.
//!
//! ```sh
//! cargo run --example autocomplete                                  # in this process, no server
//! cargo run --example autocomplete -- --redis redis://127.0.0.1     # over Redis
//! ```

mod instances;

use std::error::Error;
use std::time::Duration;

use cache_runtime::{BuildError, InvalidationEvent, ManualClock, TtlCache, cache_invalidation};
use tokio::sync::mpsc;

use instances::Instances;

const MINUTE: Duration = Duration::from_secs(60);

/// A user's personas have changed. Suggestions are made of them.
#[derive(Debug, InvalidationEvent)]
enum PersonaEvent {
    User { user_id: String },
    All,
}

#[cache_invalidation(channel = "cache:persona-invalidation", event = PersonaEvent)]
struct PersonaInvalidation;

type Suggestions = TtlCache<String, Vec<String>>;

/// What each instance builds. Keys are `user:what was typed`.
fn suggestions(clock: &ManualClock) -> Result<Suggestions, BuildError> {
    TtlCache::builder("autocomplete", MINUTE)
        .max_entries(500)
        .clock(clock)
        .build()
}

/// Stands in for the query to the database.
fn search(typed: &str) -> Vec<String> {
    let personas = ["Ada", "Alan", "Grace"];
    let found = personas
        .iter()
        .filter(|name| name.to_lowercase().starts_with(typed));
    found.map(ToString::to_string).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let instances = Instances::from_arguments("autocomplete").await?;
    let clock = ManualClock::new();
    let cache = suggestions(&clock)?;

    println!("\n1. Ada types, deletes, and types again");
    for typed in ["a", "al", "a", "ad", "a", "al"] {
        let key = format!("ada:{typed}");
        let cached = cache.contains(&key);
        let found = cache.get_or_load(&key, || async { search(typed) }).await;
        let how = if cached { "cached" } else { "searched for" };
        println!("   {typed:2} -> {found:?}, {how}");
    }
    if let Some(ratio) = cache.stats().hit_ratio() {
        println!("   hit ratio: {:.0} %", ratio * 100.0);
    }

    println!("\n2. The TTL counts from when an entry was loaded, not from when it was read");
    clock.advance(MINUTE);
    println!(
        "   60 s later, by a clock that the example has moved: {:?}",
        cache.get("ada:a")
    );

    println!("\n3. It is bounded, however many users type");
    for user in 0..600 {
        cache.insert(format!("{user}:a"), search("a"));
    }
    println!("   after 600 users: {} entries", cache.len());

    println!("\n4. Ada has a new persona, so all keys that begin with her name are removed");
    for typed in ["a", "al", "g"] {
        cache.insert(format!("ada:{typed}"), search(typed));
    }
    println!("   {} entries removed", cache.remove_prefix("ada:"));

    println!(
        "\n5. Another instance changes a persona: a handler suffices where staleness does no harm"
    );
    let (done, mut gone) = mpsc::unbounded_channel();
    let service = PersonaInvalidation::new(&instances.a);
    let suggestions = cache.clone();
    let _subscription = service.subscribe(move |event| match event {
        PersonaEvent::User { user_id } => {
            suggestions.remove_prefix(&format!("{user_id}:"));
            // Fails only if `main` no longer waits.
            let _ = done.send(user_id);
        }
        PersonaEvent::All => suggestions.clear(),
    });
    instances.a.ready().await?;
    cache.insert("ada:a".to_owned(), search("a"));
    let elsewhere = PersonaInvalidation::new(&instances.b);
    elsewhere.invalidate_user("ada").await?;
    println!("   [B] publishes that Ada's personas have changed");
    let user = gone.recv().await.ok_or("the bus was closed")?;
    println!(
        "   [A] {user}'s suggestions are gone: {:?}. If the event had been lost: after 60 s",
        cache.get("ada:a")
    );
    instances.close().await
}
