use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(method = "publish")]
    User { id: String },
    All,
}

fn main() {}
