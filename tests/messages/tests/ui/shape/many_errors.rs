use cache_runtime::service::{PublishError, Service};
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent<T> {
    User(T),
    Optional { id: Option<String> },
}

#[derive(InvalidationEvent)]
pub enum Numbered {
    One = 1,
    Two = 2,
}

#[derive(InvalidationEvent)]
pub struct Settings {
    id: String,
}

#[derive(InvalidationEvent)]
pub enum PersonaEvent {
    Persona { id: Option<String> },
    Pair(u8, u8),
    All,
}

#[cache_invalidation(channel = "cache:persona", event = PersonaEvent)]
#[derive(Debug, Clone)]
pub struct Personas;

// None of this is wrong, and none of it is reported.
pub async fn personas(bus: &Bus) -> Result<(), PublishError> {
    let personas = Personas::new(bus);
    let guard = personas.subscribe(|event| match event {
        PersonaEvent::Persona { id } => drop(id),
        PersonaEvent::Pair(..) | PersonaEvent::All => {}
    });
    personas.invalidate_persona("7").await?;
    personas.invalidate_pair(1, 2).await?;
    personas.publish(&PersonaEvent::all()).await?;
    personas.clone().invalidate_all().await?;
    drop(guard);
    Ok(())
}

pub fn service() -> impl Service<Event = PersonaEvent> {
    Personas::new(&Bus::in_process())
}

fn main() {}
