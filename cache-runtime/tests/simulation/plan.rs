//! What a seed decides in advance.

use std::time::Duration;

use crate::faults::Fault;
use crate::world::{below, between, ms, one_in};

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) servers: usize,
    pub(crate) is_cluster: bool,
    pub(crate) instances: usize,
    pub(crate) keys: u64,
    /// The most rows that a transaction changes.
    pub(crate) changed: u64,
    pub(crate) heartbeat: Duration,
    pub(crate) lease: Duration,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) rejection_interval: Duration,
    /// How many messages the inbox of a bus holds, the queue of a handler, and the outbox.
    pub(crate) inbox: usize,
    pub(crate) queue: usize,
    pub(crate) outbox: usize,
    /// How long the second cache of each instance serves while events are not proven to arrive.
    pub(crate) serve_for: Duration,
    /// The longest times of a load, between two writes, between two reads, and of a handler.
    pub(crate) load: Duration,
    pub(crate) write_gap: Duration,
    pub(crate) read_gap: Duration,
    pub(crate) handler: Duration,
    pub(crate) writers: usize,
    /// The most writes, or reads, at a time.
    pub(crate) batch: usize,
    pub(crate) confirmed_one_in: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) fault_gap: Duration,
    /// The longest time of a fault.
    pub(crate) fault: Duration,
    /// Nobody writes after the last fault has begun.
    pub(crate) quiet_early: bool,
    pub(crate) length: Duration,
}

impl Plan {
    pub(crate) fn new() -> Self {
        let faults = match below(3) {
            0 => vec![some_fault()],
            1 => (0..=below(3)).map(|_| some_fault()).collect(),
            _ => Fault::ALL.into_iter().filter(|_| one_in(2)).collect(),
        };
        let heartbeat = between(ms(30), ms(250));
        let lease = heartbeat * (2 + u32::try_from(below(10)).expect("a small number"));
        let backoff_min = between(ms(1), ms(50));
        Self {
            servers: 1 + below(3),
            is_cluster: faults.contains(&Fault::Migrate) && one_in(2),
            instances: 2 + below(3),
            keys: 1 + below(if one_in(3) { 8 } else { 256 }) as u64,
            changed: 1 + below(if one_in(4) { 2 } else { 64 }) as u64,
            heartbeat,
            lease,
            backoff_min,
            backoff_max: between(backoff_min, ms(300)),
            connect_timeout: between(ms(20), ms(500)),
            response_timeout: between(ms(20), ms(500)),
            rejection_interval: between(ms(1), ms(500)),
            inbox: if one_in(2) { 4 + below(60) } else { 10_000 },
            queue: if one_in(2) { 2 + below(30) } else { 10_000 },
            outbox: if one_in(2) { 2 + below(30) } else { 10_000 },
            serve_for: between(ms(0), lease * 2),
            load: between(ms(0), if one_in(4) { lease * 2 } else { ms(20) }),
            write_gap: between(ms(2), ms(15)),
            read_gap: between(ms(2), ms(30)),
            handler: between(ms(0), ms(20)),
            writers: 1 + below(4),
            batch: 1 + below(if one_in(3) { 4 } else { 48 }),
            confirmed_one_in: 2 + below(60) as u64,
            faults,
            fault_gap: between(ms(50), lease * if one_in(2) { 1 } else { 4 }),
            fault: lease * if one_in(4) { 8 } else { 2 },
            quiet_early: one_in(2),
            length: 4 * lease + ms(8_000),
        }
    }

    /// How long it may take until everything is live again, once all faults have ended.
    pub(crate) fn patience(&self) -> Duration {
        4 * (self.lease + self.response_timeout + self.backoff_max + self.connect_timeout)
            + self.rejection_interval
            + ms(500)
    }
}

fn some_fault() -> Fault {
    Fault::ALL[below(Fault::ALL.len())]
}
