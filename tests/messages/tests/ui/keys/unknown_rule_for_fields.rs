use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(rename_all_fields = "kebabcase")]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
