//! Reads that find their entry.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use benches::Contest;
use cache_runtime::{CoherentCache, TtlCache};

use super::keys::{Value, Windows, keys, probes};
use super::peers::{Cache, Cached, Foyer, Moka, MokaAsync, RAW, Raw, filled};
use super::{SIZES, print};

/// Reads of a thread per round: few enough that it is seldom interrupted.
const READS: usize = 4_000;
const ROUNDS: usize = 101;
/// So many that a round of a large cache finds hardly any entry that was read shortly before.
const PROBES: usize = 500_000;

pub(crate) fn run() {
    for entries in SIZES {
        let keys = keys(entries);
        // Larger than needed, so that no part of a cache overflows.
        let room = entries + entries / 4;
        let raw = filled::<Raw>(room, &keys);
        let ttl = filled::<TtlCache<String, Value>>(room, &keys);
        let coherent = filled::<CoherentCache<String, Value>>(room, &keys);
        let moka = filled::<Moka>(room, &keys);
        let moka_async = filled::<MokaAsync>(room, &keys);
        let cached = filled::<Cached>(room, &keys);
        let foyer = filled::<Foyer>(room, &keys);
        drop(keys);

        let probes = [1, 2].map(|seed| probes(entries, PROBES, seed));
        for threads in [1, 2] {
            let probes = &probes[..threads];
            let mut contest = Contest::new(u32::try_from(READS).expect("few"));
            enter(&mut contest, entries, &raw, probes);
            enter(&mut contest, entries, &ttl, probes);
            enter(&mut contest, entries, &coherent, probes);
            enter(&mut contest, entries, &moka, probes);
            enter(&mut contest, entries, &moka_async, probes);
            enter(&mut contest, entries, &cached, probes);
            enter(&mut contest, entries, &foyer, probes);
            let times = contest.run(ROUNDS);

            let what = format!("{}_{threads}t", print::size(entries));
            print::table(
                &format!("a hit, {entries} entries, {threads} threads"),
                &times,
            );
            print::at_most(
                &format!("hit_ttl_{what}"),
                times.ratio("TtlCache", RAW),
                1.05,
            );
            print::at_most(
                &format!("hit_coherent_{what}"),
                times.ratio("CoherentCache", RAW),
                1.1,
            );
            for (ours, name) in [("TtlCache", "ttl"), ("CoherentCache", "coherent")] {
                for (theirs, peer) in [(Moka::NAME, "moka_sync"), (MokaAsync::NAME, "moka_future")]
                {
                    let name = format!("hit_{name}_of_{peer}_{what}");
                    print::at_most(&name, times.ratio(ours, theirs), 0.333);
                }
            }
        }
    }
}

fn enter<'a, C: Cache>(
    contest: &mut Contest<'a>,
    entries: usize,
    cache: &'a C,
    probes: &'a [Vec<String>],
) {
    let warming = warming(entries);
    let mut windows: Vec<_> = probes.iter().map(|probes| Windows::new(probes)).collect();
    contest.enter(C::NAME, move || {
        let ready = Line::new(windows.len());
        let measure = |windows: &mut Windows<'_>| {
            read(cache, windows.next(warming));
            let window = windows.next(READS);
            ready.wait();
            let start = Instant::now();
            read(cache, window);
            start.elapsed()
        };
        let (first, more) = windows.split_first_mut().expect("at least one thread");
        let times: Duration = thread::scope(|scope| {
            let more: Vec<_> = (more.iter_mut())
                .map(|windows| scope.spawn(|| measure(windows)))
                .collect();
            let first = measure(first);
            let join = more
                .into_iter()
                .map(|thread| thread.join().expect("it only reads"));
            join.fold(first, Duration::saturating_add)
        });
        times / u32::try_from(windows.len()).expect("few")
    });
}

/// The number of reads before the timed ones. They are needed because the other caches have just
/// displaced this one from the processor's caches.
pub(crate) fn warming(entries: usize) -> usize {
    if entries > 100_000 {
        READS
    } else {
        entries * 2
    }
}

fn read(cache: &impl Cache, keys: &[String]) {
    for key in keys {
        black_box(cache.hit(black_box(key)));
    }
}

/// A barrier at which threads wait without sleeping, so that they start together.
struct Line {
    expected: usize,
    arrived: AtomicUsize,
}

impl Line {
    fn new(expected: usize) -> Self {
        let arrived = AtomicUsize::new(0);
        Self { expected, arrived }
    }

    fn wait(&self) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        while self.arrived.load(Ordering::Acquire) < self.expected {
            thread::yield_now();
        }
    }
}
