use cache_runtime::service::{PublishError, Service};
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

#[cache_invalidation(
    channel = "cache:*",
    event = "UserEvent",
    crate = cache_runtime,
    log_events = 1,
    colour = "red"
)]
#[cache_invalidation(channel = "cache:users")]
pub struct Users<T>(T);

#[cache_invalidation(channel = "", event = UserEvent, log_evnets = false)]
#[derive(Debug, Clone)]
pub struct Persons {
    pub shard: u8,
}

// None of this is wrong, and none of it is reported.
pub async fn persons(bus: &Bus) -> Result<(), PublishError> {
    let persons = Persons::new(bus, 1);
    let guard = persons.subscribe(|event| match event {
        UserEvent::User { id } => drop(id),
        UserEvent::All => {}
    });
    persons.invalidate_user(persons.shard.to_string()).await?;
    persons.clone().publish(&UserEvent::All).await?;
    drop(guard);
    Ok(())
}

pub fn channel() -> &'static str {
    Persons::CHANNEL
}

fn main() {}
