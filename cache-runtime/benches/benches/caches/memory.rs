//! The memory of an entry.

use std::hint::black_box;

use allocation_counter::measure;
use cache_runtime::{CoherentCache, TtlCache};

use super::keys::{Value, keys, value};
use super::peers::{Cache, Cached, Foyer, Moka, MokaAsync, Raw};
use super::{SIZES, print};

pub(crate) fn run() {
    for entries in SIZES {
        println!("\nbytes an entry in a cache for {entries}, and without key and value");
        let keys = keys(entries);
        let own = bytes(|| {
            (
                keys.clone(),
                (0..entries).map(|_| value()).collect::<Vec<_>>(),
            )
        });
        // Without the memory of the vectors themselves; in a cache, that is the cache's.
        let places = (size_of::<String>() + size_of::<Value>()) * entries;
        let own = (own - as_bytes(places)) / as_bytes(entries);

        let raw = of::<Raw>(&keys, own);
        let ttl = of::<TtlCache<String, Value>>(&keys, own);
        let coherent = of::<CoherentCache<String, Value>>(&keys, own);
        of::<Moka>(&keys, own);
        of::<MokaAsync>(&keys, own);
        of::<Cached>(&keys, own);
        of::<Foyer>(&keys, own);
        let size = print::size(entries);
        for (name, ours) in [("ttl", ttl), ("coherent", coherent)] {
            print::at_most(&format!("memory_{name}_{size}"), ours / raw, 1.15);
            let beside = (ours - own) / (raw - own);
            print::ratio(
                &format!("memory_beside_key_and_value_{name}_{size}"),
                beside,
            );
        }
    }
}

/// The bytes of an entry. `own` is the part of its key and its value.
fn of<C: Cache>(keys: &[String], own: f64) -> f64 {
    let mut held = 0;
    let bytes = bytes(|| {
        let cache = C::new(keys.len());
        for key in keys {
            cache.insert(key.clone(), value());
        }
        cache.tidy();
        held = cache.len();
        cache
    });
    let each = bytes / as_bytes(held);
    println!(
        "  {:<28}{each:>8.1}{:>8.1}   {held} entries",
        C::NAME,
        each - own
    );
    each
}

/// The bytes in use at the end of `fill`, while its result is still alive.
fn bytes<T>(fill: impl FnOnce() -> T) -> f64 {
    let mut filled = None;
    let info = measure(|| filled = Some(black_box(fill())));
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let bytes = info.bytes_current as f64;
    bytes
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn as_bytes(count: usize) -> f64 {
    count as f64
}
