use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(rename_all = "camel", tag = 5, all, colour = "red", crate = "x")]
pub enum UserEvent {
    #[invalidation(renam = "user", method, non_empty)]
    User {
        #[invalidation(rename = "a", rename = "b", non_empty = 1)]
        id: String,
    },
    #[invalidation]
    #[invalidation(all(yes))]
    Everything,
}

fn main() {}
