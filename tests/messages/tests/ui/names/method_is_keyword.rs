use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(method = "move")]
    User { id: String },
    All,
}

fn main() {}
