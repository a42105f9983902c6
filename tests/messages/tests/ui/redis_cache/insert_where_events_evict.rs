use std::time::Duration;

use cache_runtime::{Bus, Evict, InvalidationEvent, RedisCache, cache_invalidation};

#[derive(InvalidationEvent)]
enum TextEvent {
    All,
}

#[cache_invalidation(channel = "cache:texts", event = TextEvent)]
struct Texts;

fn main() {
    let bus = Bus::in_process();
    let texts = Texts::new(&bus);
    let cache = RedisCache::<String>::builder(&bus, "texts", Duration::from_secs(60))
        .evict_on(&texts, |event| match event {
            TextEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    let _inserting = cache.insert("a", String::new());
    let _removing = cache.remove("a");
}
