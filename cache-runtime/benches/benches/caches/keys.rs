//! Keys and values, and the order of reads.

use std::sync::Arc;

/// 32 bytes behind a pointer, as larger values are.
pub(crate) type Value = Arc<[u64; 4]>;

pub(crate) fn value() -> Value {
    Arc::new([7; 4])
}

/// A key with an identifier of 18 digits, such as those of chat services.
pub(crate) fn key(n: usize) -> String {
    let scattered = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let id = 100_000_000_000_000_000 + scattered % 900_000_000_000_000_000;
    // Without spare capacity: its memory is counted.
    String::from(format!("u:{id}").as_str())
}

/// The first `count` keys.
pub(crate) fn keys(count: usize) -> Vec<String> {
    (0..count).map(key).collect()
}

/// Numbers without a pattern that a cache or a processor could follow: `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // The remainder of 64 random bits is close enough to uniform.
        usize::try_from(self.next() % end as u64).expect("less than a size")
    }

    /// From 0, and less than 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are left")]
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Keys to read, chosen at random from the first `keys`. They are in a row in memory, as if each
/// had just come with a request, so that reading them does not count.
pub(crate) fn probes(keys: usize, count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count).map(|_| key(random.below(keys))).collect()
}

/// Goes through probes window by window, and begins again at the end.
pub(crate) struct Windows<'a> {
    probes: &'a [String],
    at: usize,
}

impl<'a> Windows<'a> {
    pub(crate) fn new(probes: &'a [String]) -> Self {
        Self { probes, at: 0 }
    }

    pub(crate) fn next(&mut self, len: usize) -> &'a [String] {
        if self.at + len > self.probes.len() {
            self.at = 0;
        }
        self.at += len;
        &self.probes[self.at - len..self.at]
    }
}

/// The same keys in random order.
pub(crate) fn shuffled(keys: &[String]) -> Vec<String> {
    let mut order: Vec<_> = (0..keys.len()).collect();
    let mut random = Random::new(3);
    for left in (1..order.len()).rev() {
        order.swap(left, random.below(left + 1));
    }
    order.into_iter().map(|n| keys[n].clone()).collect()
}
