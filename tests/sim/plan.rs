//! What a seed decides in advance.

use std::time::Duration;

use cache_runtime::__private::link::Timings;

use crate::faults::Fault;
use crate::rng::Rng;
use crate::world::ms;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) timings: Timings,
    /// Without a server: messages reach the inbox at once, and connections never break.
    pub(crate) in_process: bool,
    /// Kinds of faults in this run. If there is only one, it caused every loss.
    pub(crate) faults: Vec<Fault>,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    /// The number of signals that the inbox holds.
    pub(crate) inbox: usize,
    pub(crate) channels: u32,
    pub(crate) users_come_and_go: bool,
    /// The longest times between two events and between two faults.
    pub(crate) event_gap: Duration,
    pub(crate) fault_gap: Duration,
    pub(crate) faults_end: Duration,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let in_process = rng.one_in(5);
        let kinds: &[Fault] = if in_process {
            &Fault::IN_PROCESS
        } else {
            &Fault::ALL
        };
        let single = rng.one_in(2);
        let faults = if single {
            vec![rng.pick(kinds)]
        } else {
            let some: Vec<_> = kinds.iter().filter(|_| rng.one_in(2)).copied().collect();
            if some.is_empty() {
                kinds.to_vec()
            } else {
                some
            }
        };
        let heartbeat = rng.between(ms(40), ms(200));
        let heartbeats = if rng.one_in(8) { 40 } else { 10 };
        let lease = rng.between(heartbeat * 2, heartbeat * heartbeats);
        // Without a server this wait is the only time without a connection.
        let shortest = if in_process { ms(500) } else { ms(50) };
        let backoff_min = rng.between(ms(1), shortest);
        Self {
            timings: Timings {
                heartbeat,
                lease,
                backoff_min,
                backoff_max: rng.between(backoff_min, ms(1000)),
                rejection_interval: rng.between(ms(10), ms(1000)),
                seed: rng.next(),
            },
            in_process,
            connect_timeout: rng.between(ms(200), ms(1000)),
            response_timeout: rng.between(ms(200), ms(1000)),
            inbox: usize::try_from(8 + rng.below(24)).expect("a small number"),
            channels: 1 + u32::try_from(rng.below(4)).expect("a small number"),
            users_come_and_go: in_process || !single && rng.one_in(2),
            faults,
            event_gap: rng.between(ms(10), ms(200)),
            fault_gap: lease / 2 + rng.between(ms(100), ms(1000)),
            faults_end: 3 * lease + ms(2_000),
        }
    }

    /// How long it may take until everything is live, once all faults have ended.
    pub(crate) fn patience(&self) -> Duration {
        // A silent connection is noticed; running commands fail; two attempts, each after the
        // longest wait; a refused channel is tried again; rejected messages cause their flush; and
        // a margin.
        self.timings.lease
            + self.response_timeout
            + 2 * (self.timings.backoff_max + self.connect_timeout)
            + self.timings.backoff_max
            + self.timings.rejection_interval
            + ms(200)
    }
}
