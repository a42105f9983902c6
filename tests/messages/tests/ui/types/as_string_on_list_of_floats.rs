use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(as_string)]
        user: Vec<f64>,
    },
    All,
}

fn main() {}
