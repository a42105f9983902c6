//! Two instances of a service, and a change on one of them that the other sees.
//!
//! ```sh
//! cargo run --example quickstart                                   # in this process, no server
//! cargo run --example quickstart -- --redis redis://127.0.0.1      # two processes, over Redis
//! ```

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_runtime::{Bus, InvalidationEvent, Subscription, cache_invalidation};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::sync::mpsc;

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

/// One instance's cache: whether a channel is active.
type Cache = Arc<Mutex<HashMap<String, bool>>>;

/// What keeps the cache honest: each event evicts what it names.
fn evict_on_events(
    service: &ChannelActivationInvalidation,
    cache: Cache,
    seen: mpsc::UnboundedSender<String>,
) -> Subscription {
    service.subscribe(move |event| {
        let mut cache = cache.lock().expect("no holder panics");
        let what = match event {
            ChannelActivationEvent::Channel { channel_id } => {
                cache.remove(&channel_id);
                format!("channel {channel_id} has changed: evicted")
            }
            ChannelActivationEvent::All => {
                cache.clear();
                "anything may have changed: cache emptied".to_owned()
            }
        };
        // Whoever listened may have gone.
        let _ = seen.send(what);
    })
}

const CHANNEL: &str = "991653853096068000";

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

    // Each clone of an in-process bus behaves like another process.
    let bus_a = Bus::in_process();
    let bus_b = bus_a.clone();
    let service_a = ChannelActivationInvalidation::new(&bus_a);
    let service_b = ChannelActivationInvalidation::new(&bus_b);

    let cache_b = Cache::default();
    let (seen, mut seen_by_b) = mpsc::unbounded_channel();
    let _subscription = evict_on_events(&service_b, Arc::clone(&cache_b), seen);
    bus_b.ready().await?;
    println!(
        "[B] subscribed to {}: {}",
        service_b.channel(),
        service_b.health()
    );

    cache_b
        .lock()
        .expect("no holder panics")
        .insert(CHANNEL.into(), true);
    println!("[B] has read from the database, and cached: channel {CHANNEL} is active");

    println!("[A] deactivates the channel in the database, and publishes it");
    let published = now();
    let receipt = service_a.invalidate_channel(CHANNEL).await?;
    let what = seen_by_b.recv().await.ok_or("B has gone")?;
    let took = now().saturating_sub(published);

    println!("[A] published to {} instance(s)", receipt.receivers());
    println!("[B] {what}, {took:?} after A published");
    let cached = cache_b
        .lock()
        .expect("no holder panics")
        .get(CHANNEL)
        .copied();
    println!("[B] cached now: {cached:?}, so its next read asks the database, and sees A's change");
    Ok(())
}

async fn over_redis(url: &str) -> Result<(), Box<dyn Error>> {
    println!("Two instances, A (this process) and B (another one), over Redis.\n");
    let bus = Bus::redis(url).name("quickstart-A").connect().await?;
    let service = ChannelActivationInvalidation::new(&bus);
    println!("[A] connected: {bus:?}");

    let mut b = Command::new(env::current_exe()?)
        .args(["--redis", url, "--instance", "B"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut output = BufReader::new(b.stdout.take().ok_or("B has no output")?).lines();
    print_until(&mut output, "cached: ").await?;

    println!("[A] deactivates the channel in the database, and publishes it");
    let published = now();
    let receipt = service.invalidate_channel(CHANNEL).await?;
    println!("[A] published to {} instance(s)", receipt.receivers());
    let evicted_at = print_until(&mut output, "evicted at ").await?;
    let evicted_at = Duration::from_nanos(evicted_at.parse()?);
    println!(
        "[A] B had evicted it {:?} after A published",
        evicted_at.saturating_sub(published)
    );
    print_until(&mut output, "cached now").await?;
    b.wait().await?;
    bus.close().await;
    Ok(())
}

/// The second process: subscribes, caches, and waits for the eviction.
async fn instance_b(url: &str) -> Result<(), Box<dyn Error>> {
    let bus = Bus::redis(url).name("quickstart-B").connect().await?;
    let service = ChannelActivationInvalidation::new(&bus);
    let cache = Cache::default();
    let (seen, mut seen_here) = mpsc::unbounded_channel();
    let _subscription = evict_on_events(&service, Arc::clone(&cache), seen);
    bus.ready().await?;
    println!(
        "[B] subscribed to {}: {}",
        service.channel(),
        service.health()
    );
    // What was published before the subscription was in force has been missed, and is made up for.
    let first = seen_here.recv().await.ok_or("no event")?;
    println!("[B] {first} (once, because the subscription is new)");

    cache
        .lock()
        .expect("no holder panics")
        .insert(CHANNEL.into(), true);
    println!("[B] has read from the database, and cached: channel {CHANNEL} is active");
    let what = seen_here.recv().await.ok_or("no event")?;
    println!("[B] {what} at {}", now().as_nanos());
    let cached = cache
        .lock()
        .expect("no holder panics")
        .get(CHANNEL)
        .copied();
    println!("[B] cached now: {cached:?}, so its next read asks the database, and sees A's change");
    bus.close().await;
    Ok(())
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
