use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
enum UserEvent {
    User { user_id: String },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
struct Users;

fn main() {
    let users = Users::new(&Bus::in_process());
    let _cache = CoherentCache::<String, String>::builder("user-names")
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id),
            UserEvent::All => Evict::All,
        })
        .build();
}
