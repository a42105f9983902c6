use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

#[cache_invalidation(channel = 42, event = UserEvent)]
pub struct Users {
    #[cfg(any())]
    legacy: Missing,
    shard: u16,
}

fn main() {
    let _ = Users::new(&cache_runtime::Bus::in_process(), 3);
}
