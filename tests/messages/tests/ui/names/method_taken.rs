use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    ApiKey { id: String },
    APIKey { id: String },
    All,
}

fn main() {}
