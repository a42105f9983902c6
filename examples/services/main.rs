//! Eleven services on their channels: prints each event as it arrives, and publishes what is typed.
//!
//! ```sh
//! cargo run --example services                                 # two instances in this process
//! cargo run --example services -- --redis redis://127.0.0.1    # start it twice, type in either
//! ```

#[path = "../events/mod.rs"]
mod events;

use std::env;
use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use cache_runtime::service::{Service, Subscription};
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use tokio::io::{AsyncBufReadExt, BufReader};

use events::{
    ApiKeyEvent, ChannelActivationEvent, ConfigCascadeEvent, DenylistEvent, LlmConfigEvent,
    PersonaEvent, PersonalityEvent, SttResolverEvent, SystemSettingsEvent, TtsConfigEvent,
    UserEvent,
};

#[cache_invalidation(channel = "cache:invalidation", event = PersonalityEvent)]
struct Personality;

#[cache_invalidation(channel = "cache:api-key-invalidation", event = ApiKeyEvent)]
struct ApiKey;

#[cache_invalidation(channel = "cache:llm-config-invalidation", event = LlmConfigEvent)]
struct LlmConfig;

#[cache_invalidation(channel = "cache:tts-config-invalidation", event = TtsConfigEvent)]
struct TtsConfig;

#[cache_invalidation(channel = "cache:persona-invalidation", event = PersonaEvent)]
struct Persona;

#[cache_invalidation(
    channel = "cache:channel-activation-invalidation",
    event = ChannelActivationEvent
)]
struct ChannelActivation;

#[cache_invalidation(channel = "cache:config-cascade-invalidation", event = ConfigCascadeEvent)]
struct ConfigCascade;

#[cache_invalidation(channel = "cache:denylist-invalidation", event = DenylistEvent)]
struct Denylist;

#[cache_invalidation(channel = "cache:stt-resolver-invalidation", event = SttResolverEvent)]
struct SttResolver;

#[cache_invalidation(channel = "cache:system-settings-invalidation", event = SystemSettingsEvent)]
struct SystemSettings;

#[cache_invalidation(channel = "cache:user-invalidation", event = UserEvent)]
struct User;

type Publishing = Pin<Box<dyn Future<Output = Result<String, Box<dyn Error>>>>>;

/// One service, without the type of its events.
struct Entry {
    name: &'static str,
    publish: Box<dyn Fn(&str) -> Publishing>,
    _subscription: Subscription,
}

/// Prints what reaches `listener`, and publishes what is typed through `publisher`.
fn entry<S: Service>(name: &'static str, publisher: &S, listener: &S) -> Entry {
    let publisher = publisher.invalidator().clone();
    println!("  {name:18} {}", publisher.channel());
    for variant in publisher.schema().variants() {
        print!(r#"  {:18}   {{"type":"{}""#, "", variant.wire());
        for field in variant.fields() {
            print!(r#","{}":{}"#, field.wire(), field.type_name());
        }
        println!("}}");
    }
    let subscription = listener
        .invalidator()
        .subscribe(move |event| println!("<- {name}: {}", S::Event::describe(&event)));
    Entry {
        name,
        publish: Box::new(move |json| {
            // What is typed is decoded as strictly as what arrives.
            let event = S::Event::decode(json.as_bytes());
            let publisher = publisher.clone();
            Box::pin(async move {
                let event = event?;
                let receipt = publisher.publish(&event).await?;
                Ok(format!(
                    "{} to {} subscriber(s)",
                    event.describe(),
                    receipt.receivers()
                ))
            })
        }),
        _subscription: subscription,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let here = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Bus::in_process(),
        ["--redis", url] => Bus::redis(url).name("services").connect().await?,
        _ => return Err("usage: services [--redis redis://host:port]".into()),
    };
    // In-process, the events arrive at another instance; over Redis, here and everywhere.
    let there = here.another_instance();

    println!("Services, channels and events:");
    let entries = [
        entry(
            "personality",
            &Personality::new(&here),
            &Personality::new(&there),
        ),
        entry("api_key", &ApiKey::new(&here), &ApiKey::new(&there)),
        entry(
            "llm_config",
            &LlmConfig::new(&here),
            &LlmConfig::new(&there),
        ),
        entry(
            "tts_config",
            &TtsConfig::new(&here),
            &TtsConfig::new(&there),
        ),
        entry("persona", &Persona::new(&here), &Persona::new(&there)),
        entry(
            "channel_activation",
            &ChannelActivation::new(&here),
            &ChannelActivation::new(&there),
        ),
        entry(
            "config_cascade",
            &ConfigCascade::new(&here),
            &ConfigCascade::new(&there),
        ),
        entry("denylist", &Denylist::new(&here), &Denylist::new(&there)),
        entry(
            "stt_resolver",
            &SttResolver::new(&here),
            &SttResolver::new(&there),
        ),
        entry(
            "system_settings",
            &SystemSettings::new(&here),
            &SystemSettings::new(&there),
        ),
        entry("user", &User::new(&here), &User::new(&there)),
    ];
    there.ready().await?;
    println!("\n{there:?}");
    println!(r#"Type a service and an event, as in: user {{"type":"user","discordId":"1"}}"#);

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let (name, json) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        if name.is_empty() {
            continue;
        }
        let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
            println!("!! no service is called {name:?}");
            continue;
        };
        match (entry.publish)(json).await {
            Ok(published) => println!("-> {name}: {published}"),
            Err(error) => println!("!! {name}: {error:#}"),
        }
    }
    // The last event may still be on its way to the listener.
    tokio::time::sleep(Duration::from_millis(100)).await;
    there.close().await;
    here.close().await;
    Ok(())
}
