use cache_runtime::InvalidationEvent;

#[derive(serde::Serialize)]
pub struct Id(u8);

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { ids: Vec<Id> },
    All,
}

fn main() {}
