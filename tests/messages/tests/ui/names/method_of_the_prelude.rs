use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(method = "into")]
    User { id: String },
    All,
}

fn main() {}
