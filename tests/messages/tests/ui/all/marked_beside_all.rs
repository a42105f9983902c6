use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    All,
    #[invalidation(all)]
    Everything,
}

fn main() {}
