//! The metrics: their names, kinds, units and meanings. `metrics.md` says the same to users.

/// A metric.
#[derive(Debug)]
pub(crate) struct Instrument {
    /// As OpenTelemetry names it.
    pub(crate) name: &'static str,
    /// As Prometheus names it.
    #[cfg_attr(
        not(feature = "metrics"),
        allow(dead_code, reason = "the exporter of OpenTelemetry makes the name")
    )]
    pub(crate) prometheus: &'static str,
    pub(crate) kind: Kind,
    /// By the rules of OpenTelemetry, such as `s` and `{load}`.
    pub(crate) unit: &'static str,
    pub(crate) meaning: &'static str,
}

/// What the values of a metric are, and what its value is where several caches, channels or buses have
/// the same attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whole numbers that only grow. They are added up.
    Counter,
    /// As `Counter`, in a histogram of Prometheus.
    Series,
    /// Seconds that only grow. They are added up.
    Seconds,
    /// A number of things that are there. They are added up.
    Amount,
    /// A state, of which the least counts.
    Least,
    /// A state, of which the greatest counts.
    Greatest,
}

macro_rules! instruments {
    ($($id:ident: $kind:ident, $name:literal, $prometheus:literal, $unit:literal, $meaning:literal;)*) => {
        $(pub(crate) static $id: Instrument = Instrument {
            name: $name,
            prometheus: $prometheus,
            kind: Kind::$kind,
            unit: $unit,
            meaning: $meaning,
        };)*

        /// All metrics.
        pub(crate) static INSTRUMENTS: &[&Instrument] = &[$(&$id,)*];
    };
}

instruments! {
    READS: Counter, "cache.reads", "cache_reads_total", "{read}",
        "Reads, by what they found";
    LOADS: Counter, "cache.loads", "cache_loads_total", "{load}",
        "Loads that have begun";
    LOAD_FAILURES: Counter, "cache.load.failures", "cache_load_failures_total", "{load}",
        "Loads that failed, panicked or were dropped";
    LOADS_OVERTAKEN: Counter, "cache.load.overtaken", "cache_load_overtaken_total", "{load}",
        "Loads whose value was not stored, because an event or another instance came first";
    LOADS_HUNG: Counter, "cache.load.hung", "cache_load_hung_total", "{load}",
        "Loads that took longer than `load_wait`, or waited for themselves";
    LOADS_ACTIVE: Amount, "cache.load.active", "cache_load_active", "{load}",
        "Keys that are being loaded now, or wait for that";
    LOAD_DURATION_BUCKET: Series,
        "cache.load.duration.bucket", "cache_load_duration_seconds_bucket", "{load}",
        "Loads that took no longer than the label `le`, in seconds";
    LOAD_DURATION_COUNT: Series,
        "cache.load.duration.count", "cache_load_duration_seconds_count", "{load}",
        "Loads that have ended, well or badly";
    LOAD_DURATION_SUM: Seconds,
        "cache.load.duration.sum", "cache_load_duration_seconds_sum", "s",
        "How long these loads took together";
    EVICTIONS: Counter, "cache.evictions", "cache_evictions_total", "{entry}",
        "Entries that have left the memory of this instance, by cause";
    ENTRIES: Amount, "cache.entries", "cache_entries", "{entry}",
        "Entries in the memory of this instance";
    WEIGHT: Amount, "cache.weight", "cache_weight", "1",
        "The sum of the weights of these entries; without `max_weight`, each weighs 1";
    REDIS_ERRORS: Counter, "cache.redis.errors", "cache_redis_errors_total", "{command}",
        "Commands of the cache that Redis did not carry out";
    RESERVATIONS: Counter, "dedup.reservations", "dedup_reservations_total", "{call}",
        "Calls of `reserve`, by result; `error` counts failed calls of other kinds too";
    COOLDOWNS: Counter, "cooldown.starts", "cooldown_starts_total", "{call}",
        "Calls of `try_start`, by result";
    COOLDOWNS_FORGOTTEN: Counter, "cooldown.forgotten", "cooldown_forgotten_total", "{cooldown}",
        "Cooldowns that were going on when they were forgotten, because there were too many";
    COOLDOWNS_KEPT: Amount, "cooldown.entries", "cooldown_entries", "{cooldown}",
        "Cooldowns in memory, including those that have ended and were not removed yet";
    RECEIVED: Counter, "channel.events.received", "channel_events_received_total", "{event}",
        "Events received and decoded";
    REJECTED: Counter, "channel.messages.rejected", "channel_messages_rejected_total", "{message}",
        "Messages that are no event of the channel";
    PUBLISHED: Counter, "channel.events.published", "channel_events_published_total", "{event}",
        "Events handed to the server";
    PUBLISH_FAILURES: Counter,
        "channel.publish.failures", "channel_publish_failures_total", "{event}",
        "Events that could not be handed to the server at once";
    DEFERRED: Counter, "channel.events.deferred", "channel_events_deferred_total", "{event}",
        "Events put into the outbox, to be sent later";
    GIVEN_UP: Counter, "channel.events.given_up", "channel_events_given_up_total", "{event}",
        "Events of the outbox that are not sent any more";
    OUTBOX: Amount, "channel.outbox", "channel_outbox", "{event}",
        "Events in the outbox now";
    FLUSHES: Counter, "channel.flushes", "channel_flushes_total", "{flush}",
        "How often handlers and streams were told that everything may be stale, by cause";
    OVERFLOWS: Counter, "channel.overflows", "channel_overflows_total", "{overflow}",
        "How often the queue of a handler or stream was full, and collapsed into one flush";
    PANICS: Counter, "channel.panics", "channel_panics_total", "{panic}",
        "Panics of handlers and inline subscribers";
    CHANNEL_LIVE: Least, "channel.live", "channel_live", "1",
        "1 if events are proven to arrive, else 0; only where something is subscribed";
    BUS_LIVE: Least, "bus.live", "bus_live", "1",
        "1 if every channel with subscribers is live, else 0; only where something is subscribed";
    LEASE_LEFT: Least, "bus.lease.left", "bus_lease_left_seconds", "s",
        "For how long it is proven that events arrive; 0 if it is not";
    CANARY: Greatest, "bus.canary.duration", "bus_canary_duration_seconds", "s",
        "How long the latest canary took until it proved that events arrive";
    RECONNECTS: Counter, "bus.reconnects", "bus_reconnects_total", "{connection}",
        "How often the connection for events was opened again after it was lost";
    LOSSES: Counter, "bus.losses", "bus_losses_total", "{loss}",
        "How often the bus has stopped being live, by cause";
    ROLE: Greatest, "bus.role", "bus_role", "1",
        "1 for the role that the server last said it has, 0 for the others";
}
