//! The hit ratio if some keys are read much more often than others.

use cache_runtime::TtlCache;

use super::keys::{Random, Value, keys, value};
use super::peers::{Cache, Cached, Foyer, Moka, Raw};

const KEYS: usize = 200_000;
const READS: usize = 1_000_000;
/// Reads before those that count, which fill the caches.
const BEFORE: usize = 500_000;
/// The exponents of the distribution: the higher, the more reads are of the first keys.
const EXPONENTS: [f64; 2] = [0.99, 0.7];
/// Entries of the caches: 1 % and 10 % of the keys.
const SIZES: [usize; 2] = [KEYS / 100, KEYS / 10];

pub(crate) fn run() {
    let keys = keys(KEYS);
    for exponent in EXPONENTS {
        let zipf = Zipf::new(exponent);
        let mut random = Random::new(5);
        let trace: Vec<_> = (0..BEFORE + READS)
            .map(|_| zipf.next(&mut random))
            .collect();
        for entries in SIZES {
            let percent = 100 * entries / KEYS;
            println!("\nhit ratio, Zipf {exponent}, {KEYS} keys, {entries} entries ({percent} %)");
            print("at best", zipf.of_first(entries));
            let ours = hit_ratio::<TtlCache<String, Value>>(entries, &keys, &trace);
            let raw = hit_ratio::<Raw>(entries, &keys, &trace);
            let moka = hit_ratio::<Moka>(entries, &keys, &trace);
            hit_ratio::<Cached>(entries, &keys, &trace);
            hit_ratio::<Foyer>(entries, &keys, &trace);
            for (name, theirs) in [("quick_cache", raw), ("moka", moka)] {
                super::print::ratio(
                    &format!("hit_ratio_zipf_{exponent}_{percent}%_of_{name}"),
                    ours / theirs,
                );
            }
        }
    }
}

fn hit_ratio<C: Cache>(entries: usize, keys: &[String], trace: &[usize]) -> f64 {
    let cache = C::new(entries);
    let read = |n: &&usize| {
        let hit = cache.hit(&keys[**n]);
        if !hit {
            cache.insert(keys[**n].clone(), value());
        }
        hit
    };
    let (before, counted) = trace.split_at(BEFORE);
    before.iter().filter(read).count();
    let hits = counted.iter().filter(read).count();
    let ratio = part(hits, READS);
    print(C::NAME, ratio);
    ratio
}

fn print(name: &str, ratio: f64) {
    println!("  {name:<28}{:>8.2} %", 100.0 * ratio);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn part(some: usize, all: usize) -> f64 {
    some as f64 / all as f64
}

/// A distribution in which the nth key is read in proportion to `1 / n^exponent`.
struct Zipf {
    /// For each key, the part of all reads that are of it or of a key before it.
    up_to: Vec<f64>,
}

impl Zipf {
    fn new(exponent: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=u32::try_from(KEYS).expect("few")).map(|n| {
            sum += f64::from(n).powf(-exponent);
            sum
        });
        let mut up_to: Vec<_> = weights.collect();
        for up_to in &mut up_to {
            *up_to /= sum;
        }
        Self { up_to }
    }

    fn next(&self, random: &mut Random) -> usize {
        let fraction = random.fraction();
        self.up_to
            .partition_point(|up_to| *up_to <= fraction)
            .min(KEYS - 1)
    }

    /// The hit ratio of a cache that always holds the first `entries`: no other does better.
    fn of_first(&self, entries: usize) -> f64 {
        self.up_to[entries - 1]
    }
}
