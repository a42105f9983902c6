//! Two instances of a service, and a change on one of them that the other's cache follows.
//!
//! ```sh
//! cargo run --example quickstart                                   # in this process, no server
//! cargo run --example quickstart -- --redis redis://127.0.0.1      # two processes, over Redis
//! ```

use std::env;
use std::error::Error;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_runtime::service::Events;
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

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

/// The instance that caches whether a channel is active.
struct InstanceB {
    active: CoherentCache<String, bool>,
    /// The events that were applied to the cache.
    events: Events<ChannelActivationEvent>,
}

impl InstanceB {
    async fn start(bus: &Bus) -> Result<Self, Box<dyn Error>> {
        let service = ChannelActivationInvalidation::new(bus);
        let active = CoherentCache::builder("channel-activation", Duration::from_secs(30))
            .evict_on(&service, |event| match event {
                ChannelActivationEvent::Channel { channel_id } => Evict::key(channel_id),
                ChannelActivationEvent::All => Evict::All,
            })
            .build()?;
        let events = service.events();
        bus.ready().await?;
        println!("[B] listens to {}: {}", service.channel(), active.health());
        Ok(Self { active, events })
    }

    async fn reads(&self) {
        let database = || async { true };
        let active = self.active.get_or_load(CHANNEL, database).await;
        println!("[B] has asked the database, and cached: channel {CHANNEL} is active: {active}");
    }

    /// Waits for the event that evicts the channel; returns the time at which it has arrived.
    async fn is_told(&mut self) -> Result<Duration, Box<dyn Error>> {
        while let Some(event) = self.events.recv().await {
            // Over Redis `All` arrives first, because the subscription is new.
            if let ChannelActivationEvent::Channel { .. } = event {
                return Ok(now());
            }
        }
        Err("the bus was closed".into())
    }

    fn says_what_is_cached(&self) {
        let cached = self.active.get(CHANNEL);
        println!("[B] cached now: {cached:?}, so its next read asks the database");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => in_process().await,
        ["--redis", url] => over_redis(url).await,
        ["--redis", url, "--instance", "B"] => instance_b(url).await,
        _ => Err("usage: quickstart [--redis redis://host:port]".into()),
    }
}

async fn in_process() -> Result<(), Box<dyn Error>> {
    println!("Two instances, A and B, in this process. Over Redis: -- --redis redis://127.0.0.1\n");
    // Another instance behaves like another process.
    let bus_a = Bus::in_process();
    let bus_b = bus_a.another_instance();
    let mut b = InstanceB::start(&bus_b).await?;
    b.reads().await;
    let published = publish(&bus_a).await?;
    let told = b.is_told().await?.saturating_sub(published);
    println!("[B] the event has evicted it, {told:?} after A published");
    b.says_what_is_cached();
    Ok(())
}

async fn over_redis(url: &str) -> Result<(), Box<dyn Error>> {
    println!("Two instances, A (this process) and B (another one), over Redis.\n");
    let bus = Bus::redis(url).name("quickstart-A").connect().await?;
    println!("[A] connected: {bus:?}");
    let mut b = Command::new(env::current_exe()?)
        .args(["--redis", url, "--instance", "B"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut output = BufReader::new(b.stdout.take().ok_or("B has no output")?).lines();
    print_until(&mut output, "cached: ").await?;
    let published = publish(&bus).await?;
    let told = print_until(&mut output, "evicted it at ").await?;
    let told = Duration::from_nanos(told.parse()?).saturating_sub(published);
    println!("[A] that was {told:?} after A published");
    print_until(&mut output, "cached now").await?;
    b.wait().await?;
    bus.close().await;
    Ok(())
}

/// What the second process runs.
async fn instance_b(url: &str) -> Result<(), Box<dyn Error>> {
    let bus = Bus::redis(url).name("quickstart-B").connect().await?;
    let mut b = InstanceB::start(&bus).await?;
    b.reads().await;
    let told = b.is_told().await?;
    println!("[B] the event has evicted it at {}", told.as_nanos());
    b.says_what_is_cached();
    bus.close().await;
    Ok(())
}

/// Publishes, as A does after it has changed the database; returns the time just before.
async fn publish(bus: &Bus) -> Result<Duration, Box<dyn Error>> {
    println!("[A] deactivates the channel in the database, and publishes it");
    let service = ChannelActivationInvalidation::new(bus);
    let published = now();
    let receipt = service.invalidate_channel(CHANNEL).await?;
    println!("[A] published to {} instance(s)", receipt.receivers());
    Ok(published)
}

/// Prints the other process's lines up to one that contains `mark`; returns what follows the mark.
async fn print_until(
    output: &mut Lines<BufReader<ChildStdout>>,
    mark: &str,
) -> Result<String, Box<dyn Error>> {
    while let Some(line) = output.next_line().await? {
        println!("{line}");
        if let Some((_, rest)) = line.split_once(mark) {
            return Ok(rest.to_owned());
        }
    }
    Err(format!("B ended before it printed {mark:?}").into())
}

/// Time since 1970, which two processes of one machine share.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
