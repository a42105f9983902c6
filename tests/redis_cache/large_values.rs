//! Values have a connection of their own: large ones on a slow line delay no event.

use std::error::Error;
use std::time::Duration;

use cache_runtime::redis::Codec;
use cache_runtime::{Bus, RedisCache};
use support::{Proxy, Server, within};
use tokio::task::JoinSet;

use crate::fixture::{LONG, Texts};

const MIB: usize = 1024 * 1024;
/// 100 Mbit/s.
const RATE: u32 = 12_500_000;
/// Twice the default, for a busy machine.
const LEASE: Duration = Duration::from_secs(4);
const VALUES: usize = 60;

/// Text as it is: the test is about connections, and JSON keeps a busy machine busy.
struct Text;

type AnyError = Box<dyn Error + Send + Sync>;

impl Codec<String> for Text {
    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), AnyError> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, AnyError> {
        Ok(String::from_utf8(bytes.to_vec())?)
    }
}

/// The proxy needs a thread that does not encode values.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_and_canaries_pass_while_large_values_are_stored() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    // The values take longer than a lease. None of them is given up.
    let bus = Bus::redis(proxy.url()).connect_timeout(LONG);
    let bus = bus.response_timeout(LONG).lease(LEASE);
    let bus = bus.connect().await.unwrap();
    let texts = Texts::new(&bus);
    let mut events = texts.events();
    let cache = RedisCache::<String>::builder(&bus, "large", LONG);
    let cache = cache.codec(Text).max_value_bytes(2 * MIB);
    let cache = cache.build().unwrap();
    within("the bus to be live", bus.ready()).await.unwrap();
    let mut health = texts.watch_health();
    health.mark_unchanged();

    proxy.throttle(RATE);
    let mut storing = JoinSet::new();
    for number in 0..VALUES {
        let cache = cache.clone();
        storing.spawn(async move {
            let value = "x".repeat(MIB);
            cache.insert(&format!("key-{number}"), value).await
        });
    }
    let mut number = 0_u64;
    while let Some(ended) = storing.join_next().await {
        ended.unwrap().unwrap();
        number += 1;
        texts.invalidate_text(number.to_string()).await.unwrap();
        within("the event", events.recv()).await.unwrap();
    }
    assert!(!health.has_changed().unwrap(), "it was not always live");
}
