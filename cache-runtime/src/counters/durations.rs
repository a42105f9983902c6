//! How long loads take, counted in fixed buckets. Without an exporter nothing is measured.

#[cfg(any(feature = "metrics", feature = "otel"))]
pub(crate) use measured::{Durations, Histogram, Timer};
#[cfg(not(any(feature = "metrics", feature = "otel")))]
pub(crate) use unmeasured::{Durations, Timer};

#[cfg(any(feature = "metrics", feature = "otel"))]
mod measured {
    use std::array;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use crate::clock::Instant;
    use crate::counters::{add, read};

    /// The most that the durations of each bucket may be. Those of the last bucket are longer.
    const BOUNDS: [Duration; 13] = [
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2500),
        Duration::from_secs(10),
    ];

    /// The durations that were measured.
    #[derive(Debug, Default)]
    pub(crate) struct Durations {
        buckets: [AtomicU64; BOUNDS.len() + 1],
        nanos: AtomicU64,
    }

    /// A duration that is being measured. It ends when this is dropped.
    #[derive(Debug)]
    pub(crate) struct Timer<'a> {
        durations: &'a Durations,
        begun: Instant,
    }

    /// Durations as a histogram of Prometheus counts them.
    pub(crate) struct Histogram {
        /// For each bound in seconds, how many durations were not longer; the last bound is infinite.
        pub(crate) buckets: [(f64, u64); BOUNDS.len() + 1],
        /// In seconds.
        pub(crate) sum: f64,
    }

    impl Durations {
        pub(crate) fn begin(&self) -> Timer<'_> {
            Timer {
                durations: self,
                begun: Instant::now(),
            }
        }

        fn record(&self, duration: Duration) {
            let bucket = BOUNDS.partition_point(|bound| *bound < duration);
            add(&self.buckets[bucket], 1);
            let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
            self.nanos.fetch_add(nanos, Ordering::Relaxed);
        }

        pub(crate) fn histogram(&self) -> Histogram {
            let mut count = 0;
            Histogram {
                buckets: array::from_fn(|i| {
                    count += read(&self.buckets[i]);
                    let bound = BOUNDS.get(i);
                    (bound.map_or(f64::INFINITY, Duration::as_secs_f64), count)
                }),
                sum: Duration::from_nanos(read(&self.nanos)).as_secs_f64(),
            }
        }
    }

    impl Drop for Timer<'_> {
        fn drop(&mut self) {
            self.durations.record(self.begun.elapsed());
        }
    }

    #[test]
    fn a_duration_counts_in_every_bucket_that_it_does_not_exceed() {
        let durations = Durations::default();
        for micros in [500, 501, 20_000_000] {
            durations.record(Duration::from_micros(micros));
        }
        let Histogram { buckets, sum } = durations.histogram();
        let counts = buckets.map(|(_, count)| count);
        assert_eq!(counts, [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]);
        assert_eq!((buckets[1].0, buckets[13].0), (0.001, f64::INFINITY));
        assert!((sum - 20.001_001).abs() < 1e-9, "{sum}");
    }
}

#[cfg(not(any(feature = "metrics", feature = "otel")))]
mod unmeasured {
    use std::marker::PhantomData;

    /// Takes no room.
    #[derive(Debug, Default)]
    pub(crate) struct Durations(());

    #[derive(Debug)]
    pub(crate) struct Timer<'a>(PhantomData<&'a Durations>);

    impl Durations {
        #[expect(clippy::unused_self, reason = "as the one that measures")]
        pub(crate) fn begin(&self) -> Timer<'_> {
            Timer(PhantomData)
        }
    }
}
