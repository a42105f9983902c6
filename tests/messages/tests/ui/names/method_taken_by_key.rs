use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    #[invalidation(method = "invalidate_user")]
    Person { id: String },
    All,
}

fn main() {}
