//! Evicting one entry, and everything.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use benches::{Contest, median};
use cache_runtime::__private::evict;
use cache_runtime::{CoherentCache, Evict, TtlCache};

use super::keys::{Value, Windows, keys, shuffled, value};
use super::peers::{Cache, Cached, Foyer, Moka, MokaAsync, RAW, Raw, filled};
use super::{SIZES, print};

/// The number of evictions in a round.
const EVICTIONS: usize = 1_000;
const ROUNDS: usize = 101;

type Ttl = TtlCache<String, Value>;
type Coherent = CoherentCache<String, Value>;

/// Measures evicting entries one by one.
pub(crate) fn run() {
    for entries in SIZES {
        let keys = keys(entries);
        let room = entries + entries / 4;
        let raw = filled::<Raw>(room, &keys);
        let ttl = filled::<Ttl>(room, &keys);
        let coherent = filled::<Coherent>(room, &keys);
        let moka = filled::<Moka>(room, &keys);
        let moka_async = filled::<MokaAsync>(room, &keys);
        let cached = filled::<Cached>(room, &keys);
        let foyer = filled::<Foyer>(room, &keys);
        let order = shuffled(&keys);
        drop(keys);

        let mut contest = Contest::new(u32::try_from(EVICTIONS).expect("few"));
        enter(&mut contest, &raw, &order, remove);
        enter(&mut contest, &ttl, &order, remove);
        enter(&mut contest, &coherent, &order, evict_keys);
        enter(&mut contest, &moka, &order, remove);
        enter(&mut contest, &moka_async, &order, remove);
        enter(&mut contest, &cached, &order, remove);
        enter(&mut contest, &foyer, &order, remove);
        let times = contest.run(ROUNDS);
        print::table(&format!("evicting a key, {entries} entries"), &times);
        for (ours, name) in [(Ttl::NAME, "ttl"), (Coherent::NAME, "coherent")] {
            let name = format!("evict_{name}_{}", print::size(entries));
            print::at_most(&name, times.ratio(ours, RAW), 1.15);
        }
    }
}

fn enter<'a, C: Cache>(
    contest: &mut Contest<'a>,
    cache: &'a C,
    keys: &'a [String],
    evict: fn(&C, &[String]) -> Duration,
) {
    let mut windows = Windows::new(keys);
    contest.enter(C::NAME, move || {
        let window = windows.next(EVICTIONS);
        let time = evict(cache, window);
        for key in window {
            cache.insert(key.clone(), value());
        }
        cache.tidy();
        time
    });
}

fn remove<C: Cache>(cache: &C, keys: &[String]) -> Duration {
    let start = Instant::now();
    for key in keys {
        cache.remove(black_box(key));
    }
    start.elapsed()
}

/// An event owns the key that it evicts, so that cloning the key is not timed.
fn evict_keys(cache: &Coherent, keys: &[String]) -> Duration {
    let evictions: Vec<_> = keys.iter().map(Evict::key).collect();
    let start = Instant::now();
    for eviction in &evictions {
        evict(cache, black_box(eviction));
    }
    start.elapsed()
}

/// Measures evicting everything at once.
pub(crate) fn run_all() {
    for entries in SIZES {
        println!(
            "\nevicting everything, {entries} entries: the call, and until all values are gone"
        );
        let keys = keys(entries);
        let rounds = if entries > 100_000 { 3 } else { 51 };
        let ours = clear::<Coherent>(&keys, rounds);
        clear::<Ttl>(&keys, rounds);
        clear::<Raw>(&keys, rounds);
        clear::<Moka>(&keys, rounds);
        clear::<MokaAsync>(&keys, rounds);
        clear::<Cached>(&keys, rounds);
        clear::<Foyer>(&keys, rounds);
        let size = print::size(entries);
        println!(
            "ratio evict_all_{size} = {:.0} ns (goal <= 10 ns)",
            print::nanos(ours)
        );
        let again = print::nanos(again(&keys));
        println!("ratio evict_all_again_{size} = {again:.1} ns (goal <= 10 ns)");
    }
}

/// The time of a call that evicts everything, in seconds.
fn clear<C: Cache>(keys: &[String], rounds: usize) -> f64 {
    let cache = C::new(keys.len() + keys.len() / 4);
    let (mut calls, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        // All entries share this value: its reference count shows when the last one is dropped.
        let value = value();
        for key in keys {
            cache.insert(key.clone(), Arc::clone(&value));
        }
        cache.tidy();
        let start = Instant::now();
        cache.clear();
        calls.push(start.elapsed().as_secs_f64());
        while Arc::strong_count(&value) > 1 {
            cache.tidy();
            thread::yield_now();
        }
        ends.push(start.elapsed().as_secs_f64());
    }
    let (call, end) = (median(calls), median(ends));
    println!(
        "  {:<28}{:>14.0} ns{:>10.1} ms",
        C::NAME,
        print::nanos(call),
        end * 1e3
    );
    call
}

/// The time of such a call, in seconds, while the memory of an earlier one is still being freed.
fn again(keys: &[String]) -> f64 {
    let cache = filled::<Coherent>(keys.len() + keys.len() / 4, keys);
    let calls = 1_000;
    cache.clear();
    let start = Instant::now();
    for _ in 0..calls {
        cache.clear();
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}
