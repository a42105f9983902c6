use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(all)]
    Everything,
    #[invalidation(all)]
    All,
}

fn main() {}
