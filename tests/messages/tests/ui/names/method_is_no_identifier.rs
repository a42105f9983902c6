use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(method = "evict-user")]
    User { id: String },
    All,
}

fn main() {}
