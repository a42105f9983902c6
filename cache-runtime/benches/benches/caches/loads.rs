//! `get_or_load`, against the corresponding methods of the peers.

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::{Contest, Times};
use cache_runtime::{CoherentCache, TtlCache};

use super::keys::{Value, Windows, key, keys, probes, shuffled, value};
use super::peers::{Cache, Cached, Foyer, Moka, MokaAsync, RAW, Raw, RawAsync, filled, now};
use super::{RUNTIME, SIZES, print};

const READS: usize = 10_000;
const WARMING: usize = 20_000;
const PROBES: usize = 500_000;
const ROUNDS: usize = 101;
/// The number of loads in a round.
const LOADS: usize = 1_000;

type Ttl = TtlCache<String, Value>;
type Coherent = CoherentCache<String, Value>;

pub(crate) fn run() {
    for entries in SIZES {
        let size = print::size(entries);
        let keys = keys(entries);
        let times = in_room::<Hits>(entries, &keys);
        print::table(&format!("get_or_load, a hit, {entries} entries"), &times);
        for (ours, name) in [(Ttl::NAME, "ttl"), (Coherent::NAME, "coherent")] {
            print::at_most(
                &format!("load_hit_{name}_{size}"),
                times.ratio(ours, RAW),
                1.15,
            );
        }

        let times = in_room::<Misses>(entries, &keys);
        print::table(
            &format!("get_or_load, a miss, {entries} entries, one free"),
            &times,
        );
        beyond("miss", &size, &times);

        let times = in_full(entries);
        print::table(
            &format!("get_or_load, a miss, {entries} entries, none free"),
            &times,
        );
        beyond("miss_full", &size, &times);
    }
}

/// Prints how much longer ours take than the first of the table, which inserts after a miss.
fn beyond(what: &str, size: &str, times: &Times) {
    for (ours, name) in [(Ttl::NAME, "ttl"), (Coherent::NAME, "coherent")] {
        let beyond = print::nanos(times.surplus(ours, RAW));
        println!("ratio {what}_{name}_{size} = raw + {beyond:.0} ns (goal <= raw + 130 ns)");
    }
}

/// What is measured of each cache.
trait Load {
    const COUNT: usize;

    fn enter<'a, C: Cache>(contest: &mut Contest<'a>, cache: &'a C, keys: &'a [String]);

    fn order(entries: usize, keys: &[String]) -> Vec<String>;
}

fn in_room<L: Load>(entries: usize, keys: &[String]) -> Times {
    let room = entries + entries / 4;
    let raw = filled::<Raw>(room, keys);
    let ttl = filled::<Ttl>(room, keys);
    let coherent = filled::<Coherent>(room, keys);
    let raw_async = filled::<RawAsync>(room, keys);
    let moka = filled::<Moka>(room, keys);
    let moka_async = filled::<MokaAsync>(room, keys);
    let cached = filled::<Cached>(room, keys);
    let foyer = filled::<Foyer>(room, keys);
    let order = L::order(entries, keys);

    let mut contest = Contest::new(u32::try_from(L::COUNT).expect("few"));
    L::enter(&mut contest, &raw, &order);
    L::enter(&mut contest, &ttl, &order);
    L::enter(&mut contest, &coherent, &order);
    L::enter(&mut contest, &raw_async, &order);
    L::enter(&mut contest, &moka, &order);
    L::enter(&mut contest, &moka_async, &order);
    L::enter(&mut contest, &cached, &order);
    L::enter(&mut contest, &foyer, &order);
    contest.run(ROUNDS)
}

struct Hits;

impl Load for Hits {
    const COUNT: usize = READS;

    fn enter<'a, C: Cache>(contest: &mut Contest<'a>, cache: &'a C, keys: &'a [String]) {
        let value = value();
        let read = move |keys: &[String]| {
            for key in keys {
                // The raw cache has no `get_or_load`: only a lookup.
                if C::NAME == RAW {
                    black_box(cache.hit(black_box(key)));
                } else {
                    now(cache.load(black_box(key), &value));
                }
            }
        };
        let mut windows = Windows::new(keys);
        contest.enter(C::NAME, move || {
            read(windows.next(WARMING));
            let window = windows.next(READS);
            let start = Instant::now();
            read(window);
            start.elapsed()
        });
    }

    fn order(entries: usize, _keys: &[String]) -> Vec<String> {
        probes(entries, PROBES, 1)
    }
}

struct Misses;

impl Load for Misses {
    const COUNT: usize = LOADS;

    fn enter<'a, C: Cache>(contest: &mut Contest<'a>, cache: &'a C, keys: &'a [String]) {
        let mut windows = Windows::new(keys);
        contest.enter(C::NAME, move || {
            let window = windows.next(LOADS);
            for key in window {
                cache.remove(key);
            }
            cache.tidy();
            load(cache, window)
        });
    }

    fn order(_entries: usize, keys: &[String]) -> Vec<String> {
        shuffled(keys)
    }
}

/// Every load evicts another entry.
fn in_full(entries: usize) -> Times {
    let mut contest = Contest::new(u32::try_from(LOADS).expect("few"));
    enter_full::<Raw>(&mut contest, entries);
    enter_full::<Ttl>(&mut contest, entries);
    enter_full::<Coherent>(&mut contest, entries);
    enter_full::<RawAsync>(&mut contest, entries);
    enter_full::<Moka>(&mut contest, entries);
    enter_full::<MokaAsync>(&mut contest, entries);
    enter_full::<Cached>(&mut contest, entries);
    enter_full::<Foyer>(&mut contest, entries);
    contest.run(ROUNDS)
}

fn enter_full<C: Cache>(contest: &mut Contest<'_>, entries: usize) {
    let cache = C::new(entries);
    // More than fit, because some shards fill up before others.
    let mut keys = (0..).map(key);
    for key in keys.by_ref().take(entries + entries / 4) {
        cache.insert(key, value());
    }
    cache.tidy();
    contest.enter(C::NAME, move || {
        let window: Vec<_> = keys.by_ref().take(LOADS).collect();
        load(&cache, &window)
    });
}

fn load(cache: &impl Cache, keys: &[String]) -> Duration {
    // Created beforehand, so that creating them does not count.
    let values: Vec<_> = keys.iter().map(|_| value()).collect();
    RUNTIME.block_on(async {
        let start = Instant::now();
        for (key, value) in keys.iter().zip(&values) {
            cache.load(black_box(key), value).await;
        }
        start.elapsed()
    })
}
