use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(tag = "kind")]
pub enum UserEvent {
    User {
        #[invalidation(rename = "kind")]
        species: String,
    },
    All,
}

fn main() {}
