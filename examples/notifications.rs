//! At most one notification per user and hour: a limit that each instance may keep by itself.
//!
//! ```sh
//! cargo run --example notifications                                  # in this process, no server
//! cargo run --example notifications -- --redis redis://127.0.0.1     # over Redis
//! ```

mod instances;

use std::error::Error;
use std::time::Duration;

use cache_runtime::cooldown::Start;
use cache_runtime::dedup::Reservation;
use cache_runtime::{BuildError, Bus, Cooldown, Dedup, ManualClock};

use instances::Instances;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What each instance builds.
fn notified(clock: &ManualClock) -> Result<Cooldown<String>, BuildError> {
    Cooldown::builder("notifications", HOUR)
        .max_entries(1_000)
        .clock(clock)
        .build()
}

/// Says whether the user gets the notification.
fn notify(notified: &Cooldown<String>, user: &str) -> String {
    match notified.try_start(user) {
        Start::Started => format!("{user} is notified"),
        Start::Remaining(left) => format!("{user} is not: {} min to go", left.as_secs() / 60),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let instances = Instances::from_arguments("notifications").await?;
    let clock = ManualClock::new();
    let a = notified(&clock)?;

    println!("\n1. The same error three times within the hour, by a clock that the example moves");
    println!("   [A] {}", notify(&a, "ada"));
    clock.advance(Duration::from_secs(60));
    println!("   [A] {}", notify(&a, "ada"));
    println!("   [A] {}", notify(&a, "bob"));
    clock.advance(HOUR);
    println!("   [A] {} (an hour later)", notify(&a, "ada"));

    println!("\n2. Ada's problem is solved, so she is to be notified of the next one at once");
    println!("   [A] there was a cooldown: {}", a.reset("ada"));
    println!("   [A] {}", notify(&a, "ada"));

    println!("\n3. It is bounded, and each use removes cooldowns that are over: there is no timer");
    for user in 0..2_000 {
        // Only fills it.
        let _ = a.try_start(&format!("user-{user}"));
    }
    println!("   after 2,000 users: {} cooldowns", a.len());
    clock.advance(HOUR);
    for user in 0..1_000 {
        // Each call removes up to two that are over.
        let _ = a.remaining(&format!("user-{user}"));
    }
    println!("   an hour and 1,000 questions later: {}", a.len());

    println!("\n4. Each instance keeps its own, so two instances notify a user at most twice");
    let b = notified(&clock)?;
    println!("   [A] {}", notify(&a, "eve"));
    println!("   [B] {}", notify(&b, "eve"));

    println!(
        "\n5. Where one notification is the limit, a Dedup decides in Redis for all instances"
    );
    for (name, bus) in [("A", &instances.a), ("B", &instances.b)] {
        println!("   [{name}] {}", notify_once(bus, name, "eve").await?);
    }
    instances.close().await
}

async fn notify_once(bus: &Bus, instance: &str, user: &str) -> Result<String, Box<dyn Error>> {
    let notified = Dedup::builder(bus, "notified-once").ttl(HOUR).build()?;
    Ok(match notified.reserve(user, instance).await? {
        Reservation::Reserved => format!("{user} is notified"),
        Reservation::Duplicate { owner } => format!("{user} is not: {owner} has done it"),
    })
}
