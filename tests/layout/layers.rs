//! The layers, from the top down. A file imports only from its own layer and from those below.

/// A layer: the prefix of its files' paths, and its purpose. The longest prefix decides, so that a
/// file of a folder may be a layer of its own.
pub(crate) struct Layer(pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const RUNTIME: &[Layer] = &[
    Layer("lib.rs", "the public API: what users import"),
    Layer("guide/", "guides: documentation, and no code"),
    Layer("main.rs", "the program"),
    Layer("cli/", "the arguments and commands of the program"),
    Layer(
        "doctor/",
        "whether a server can be used, who uses it, what goes over a channel",
    ),
    Layer("metrics.rs", "metrics, through the facade of that name"),
    Layer("otel.rs", "metrics, through OpenTelemetry"),
    Layer("page/", "the audit as a page for browsers"),
    Layer(
        "testing/",
        "what tests of a program need: outages, a barrier, a recorder",
    ),
    Layer("cache/", "the caches: one file or folder for each kind"),
    Layer(
        "cache/redis/",
        "in Redis for all instances, with a level in memory",
    ),
    Layer(
        "cache/dedup/",
        "deduplication: of equal requests, one is handled",
    ),
    Layer(
        "cache/snapshot/",
        "a whole data set in memory that always answers",
    ),
    Layer("cache/coherent/", "in memory, and events evict from it"),
    Layer("cache/ttl/", "in memory, for what may be stale for a while"),
    Layer(
        "cache/redis_cooldown/",
        "rate limits per key, in Redis for all instances",
    ),
    Layer("cache/cooldown/", "rate limits per key, in one process"),
    Layer(
        "cache/memory/",
        "what caches in memory share: a bounded store, one load per key",
    ),
    Layer(
        "cache/measured.rs",
        "what the metrics of several kinds of caches have in common",
    ),
    Layer("cache/evict.rs", "what an event evicts"),
    Layer(
        "cache/predicate.rs",
        "a predicate over entries, without the type of their values",
    ),
    Layer(
        "cache/claims.rs",
        "which keys in Redis each cache of this process uses",
    ),
    Layer(
        "cache/caught.rs",
        "panics of loaders that run in the background",
    ),
    Layer(
        "cache/scheduled.rs",
        "entries that are loaded on schedule, and how that goes",
    ),
    Layer("cache/key.rs", "what entries are looked up by"),
    Layer("cache/names.rs", "rules for the names of caches"),
    Layer(
        "cache/last_answer.rs",
        "whether Redis has answered the latest command of a cache",
    ),
    Layer("cache/limits.rs", "bounds on lengths and counts"),
    Layer(
        "cache/error.rs",
        "why a cache cannot be built, or a value is not stored",
    ),
    Layer(
        "audit/",
        "every cache and channel in one table, and what looks wrong",
    ),
    Layer("export/", "the wire contract of events for other languages"),
    Layer(
        "transactional_outbox/",
        "events that are committed as rows, and the relay that publishes them",
    ),
    Layer(
        "service/",
        "what an annotated struct can do: publish, subscribe; services by type",
    ),
    Layer(
        "keyspace.rs",
        "keys and values of a bus, under its namespace",
    ),
    Layer(
        "bus/",
        "one connection pair for all channels, and the task that supervises it",
    ),
    Layer(
        "outbox/",
        "events that the server has not taken yet, until it takes them",
    ),
    Layer(
        "transport/",
        "what carries payloads and keeps keys: the process, or Redis",
    ),
    Layer(
        "channel/",
        "who listens to a channel, and how a payload reaches them",
    ),
    Layer(
        "event/",
        "the trait that the derive implements, and the methods that it adds",
    ),
    Layer("settings.rs", "the settings of a bus"),
    Layer(
        "error.rs",
        "why connecting, becoming live or publishing failed",
    ),
    Layer(
        "link/",
        "the protocol core: when events may be lost, and when a channel is live",
    ),
    Layer("wire/", "strict JSON in, canonical JSON out"),
    Layer(
        "health/",
        "whether events are proven to arrive, and if not, why",
    ),
    Layer("queue.rs", "a bounded queue that collapses into a flush"),
    Layer(
        "log_throttle.rs",
        "keeps one kind of failure from flooding the log",
    ),
    Layer(
        "driver.rs",
        "what drives a bus: its clock, its timers, and where its tasks run",
    ),
    Layer(
        "io_thread.rs",
        "the thread for I/O, which belongs to no runtime of the program's",
    ),
    Layer(
        "barrier.rs",
        "keeps caches from storing what they load while an event is applied",
    ),
    Layer("backoff.rs", "the wait before the next attempt"),
    Layer("clock/", "the clocks that caches read"),
    Layer("random.rs", "ids and nonces"),
    Layer(
        "remedy.rs",
        "what keeps caches from going stale, by name, so that a simulation can do without",
    ),
    Layer(
        "simulation/",
        "what stands in for the machine in a simulation: time, chance, processes",
    ),
    Layer(
        "weak_list.rs",
        "weak references to live objects, for audits",
    ),
    Layer("server_info.rs", "what a server says of itself"),
    Layer("slot.rs", "the slots of a cluster"),
    Layer("place.rs", "a source location"),
    Layer(
        "telemetry/",
        "which metrics there are, and their values at one moment",
    ),
    Layer("sync.rs", "locks without poisoning"),
    Layer("counters/", "counters behind the statistics"),
    Layer("defaults.rs", "the default settings"),
];

pub(crate) const DERIVE: &[Layer] = &[
    Layer("lib.rs", "the two macros"),
    Layer("derive.rs", "parse, validate, expand"),
    Layer("expand", "tokens; cannot fail"),
    Layer("fallback.rs", "a stub beside an error"),
    Layer("valid", "rules that look at several nodes"),
    Layer("ast.rs", "a view of the input, with its attributes"),
    Layer("attr", "attributes as typed values that keep their spans"),
    Layer("types.rs", "what a type looks like"),
    Layer("suggest.rs", "the nearest known key"),
    Layer("ctxt.rs", "collects errors"),
    Layer("case.rs", "names on the wire"),
    Layer("json.rs", "JSON strings"),
];

/// The position of a file's layer from the top, from 0; `None` if the file is in no layer.
pub(crate) fn level(layers: &[Layer], file: &str) -> Option<usize> {
    layers
        .iter()
        .enumerate()
        .filter(|(_, layer)| file.starts_with(layer.0))
        .max_by_key(|(_, layer)| layer.0.len())
        .map(|(level, _)| level)
}
