//! The same request twice within seconds: one instance handles it, whichever instances receive it.
//!
//! ```sh
//! cargo run --example requests                                  # in this process, no server
//! cargo run --example requests -- --redis redis://127.0.0.1     # over Redis
//! ```

mod instances;

use std::error::Error;
use std::time::Duration;

use cache_runtime::Dedup;
use cache_runtime::dedup::{DedupError, Release, Reservation};

use instances::Instances;

/// What an instance does with a request.
async fn receive(requests: &Dedup, request: &str, instance: &str) -> Result<bool, DedupError> {
    match requests.reserve(request, instance).await? {
        Reservation::Reserved => {
            println!("   [{instance}] {request} is mine to handle");
            Ok(true)
        }
        Reservation::Duplicate { owner } => {
            println!("   [{instance}] {request} is a duplicate: {owner} handles it");
            Ok(false)
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let instances = Instances::from_arguments("requests").await?;
    // What each instance builds. A key stays reserved for 5 s, unless the builder says otherwise.
    let a = Dedup::builder(&instances.a, "requests").build()?;
    let b = Dedup::builder(&instances.b, "requests").build()?;

    println!("\n1. A user clicks twice, and both instances get a request at the same time");
    let (by_a, by_b) = tokio::join!(receive(&a, "message-1", "A"), receive(&b, "message-1", "B"));
    println!(
        "   handled {} time(s); requests reserved: {}",
        u32::from(by_a?) + u32::from(by_b?),
        a.size().await?
    );

    println!("\n2. The request fails, so its owner releases it, and it can be made again");
    receive(&a, "message-2", "A").await?;
    if let Release::NotYours { owner } = b.release("message-2", "B").await? {
        println!("   [B] cannot release it: it is {owner}'s");
    }
    if a.release("message-2", "A").await? == Release::Released {
        println!("   [A] has failed, and releases it");
    }
    receive(&b, "message-2", "B").await?;

    println!(
        "\n3. After its TTL, the same request is a new one (200 ms here, because the example waits)"
    );
    let ttl = Duration::from_millis(200);
    let short = Dedup::builder(&instances.a, "short").ttl(ttl).build()?;
    receive(&short, "message-3", "A").await?;
    receive(&short, "message-3", "B").await?;
    while short.size().await? > 0 {
        tokio::time::sleep(ttl / 10).await;
    }
    receive(&short, "message-3", "B").await?;

    println!("\n4. Without Redis no instance can decide, so the answer is an error");
    let away = instances::without_redis()?;
    let requests = Dedup::builder(&away, "requests").build()?;
    if let Err(error) = receive(&requests, "message-4", "C").await {
        println!("   [C] {error:#}");
    }
    away.close().await;
    instances.close().await
}
