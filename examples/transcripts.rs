//! The transcript of a voice message: expensive to make, with a key made of the message's content.
//!
//! ```sh
//! cargo run --example transcripts                                  # in this process, no server
//! cargo run --example transcripts -- --redis redis://127.0.0.1     # over Redis
//! ```

mod instances;

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_runtime::redis::{Loaded, content_key};
use cache_runtime::{BuildError, Bus, RedisCache};

use instances::Instances;

/// How long an overloaded speech service is not asked again: short, because the example waits.
const PAUSE: Duration = Duration::from_millis(200);

/// Stands in for the service that turns speech into text.
#[derive(Default)]
struct Speech {
    requests: AtomicU32,
}

impl Speech {
    /// An absent text is an answer too. Its category decides how long it is cached.
    fn transcribe(&self, file: &str) -> io::Result<Loaded<String>> {
        let earlier = self.requests.fetch_add(1, Ordering::SeqCst);
        match file {
            "silence.ogg" => Ok(Loaded::absent("no-speech")),
            "long.ogg" => Ok(Loaded::absent("overloaded")),
            "broken.ogg" => Err(io::Error::other(format!(
                "error {} of the service",
                earlier + 1
            ))),
            _ => Ok(Loaded::Present("See you at eight.".to_owned())),
        }
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// What each instance builds.
fn transcripts(bus: &Bus) -> Result<RedisCache<String>, BuildError> {
    RedisCache::builder(bus, "transcripts", Duration::from_secs(5 * 60))
        .negative_ttl("no-speech", Duration::from_secs(5 * 60))
        .negative_ttl("overloaded", PAUSE)
        .build()
}

/// A transcript depends on the file and on the model.
fn key(file: &str) -> String {
    content_key([file, "model-1"])
}

fn text(loaded: &Loaded<String>) -> String {
    match loaded {
        Loaded::Present(text) => format!("{text:?}"),
        Loaded::Absent { category, .. } => format!("no text: {category}"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let instances = Instances::from_arguments("transcripts").await?;
    let speech = Speech::default();
    let a = transcripts(&instances.a)?;
    let b = transcripts(&instances.b)?;

    println!("\n1. The key is made of the content: the same in every instance, at any time");
    println!("   hello.ogg: {}…", &key("hello.ogg")[..16]);

    println!("\n2. Each file is asked for by A, and then by B");
    for file in ["hello.ogg", "silence.ogg"] {
        for (name, cache) in [("A", &a), ("B", &b)] {
            let transcribe = || async { speech.transcribe(file) };
            let loaded = cache.lookup_or_load(&key(file), transcribe).await?;
            println!(
                "   [{name}] {file}: {} (requests so far: {})",
                text(&loaded),
                speech.requests()
            );
        }
    }
    println!("   That nothing was said is cached as well: B did not ask again.");

    println!("\n3. Some answers are cached for a short time only");
    let file = "long.ogg";
    let transcribe = || async { speech.transcribe(file) };
    let before = speech.requests();
    let loaded = a.lookup_or_load(&key(file), transcribe).await?;
    b.lookup_or_load(&key(file), transcribe).await?;
    println!(
        "   [A] and [B] {file}: {} (requests: {})",
        text(&loaded),
        speech.requests() - before
    );
    while a.lookup(&key(file)).await?.is_some() {
        tokio::time::sleep(PAUSE / 10).await;
    }
    a.lookup_or_load(&key(file), transcribe).await?;
    println!(
        "   [A] {file}, {PAUSE:?} later: it has expired, so the service was asked again (requests: {})",
        speech.requests() - before
    );

    println!("\n4. An error is not cached");
    let file = "broken.ogg";
    for name in ["A", "A"] {
        let transcribe = || async { speech.transcribe(file) };
        if let Err(error) = a.lookup_or_load(&key(file), transcribe).await {
            println!("   [{name}] {file}: {error:#}");
        }
    }

    println!("\n5. A caller that needs a text");
    let load = || async { Ok::<_, io::Error>("unused".to_owned()) };
    if let Err(error) = b.try_get_or_load(&key("silence.ogg"), load).await {
        println!("   [B] silence.ogg: {error:#}");
    }
    instances.close().await
}
