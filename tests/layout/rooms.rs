//! The layers, from the top down. A file imports only from its own layer and from those below.

/// A layer: the prefix of its files' paths, and its purpose. The longest prefix decides, so that a
/// file of a folder may be a layer of its own.
pub(crate) struct Room(pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const RUNTIME: &[Room] = &[
    Room("lib.rs", "the public API: what users import"),
    Room("cache/", "the caches: one file or folder for each kind"),
    Room(
        "cache/redis/",
        "in Redis for all instances, with a level in memory",
    ),
    Room(
        "cache/dedup/",
        "deduplication: of equal requests, one is handled",
    ),
    Room("cache/coherent/", "in memory, and events evict from it"),
    Room(
        "cache/ttl.rs",
        "in memory, for what may be stale for a while",
    ),
    Room("cache/cooldown.rs", "rate limits per key, in one process"),
    Room(
        "cache/memory/",
        "what caches in memory share: a bounded store, one load per key",
    ),
    Room("cache/evict.rs", "what an event evicts"),
    Room("cache/names.rs", "rules for the names of caches"),
    Room("cache/limits.rs", "bounds on lengths and counts"),
    Room(
        "cache/error.rs",
        "why a cache cannot be built, or a value is not stored",
    ),
    Room(
        "audit/",
        "every cache and channel in one table, and what looks wrong",
    ),
    Room(
        "service/",
        "what an annotated struct can do: publish, subscribe; services by type",
    ),
    Room(
        "keyspace.rs",
        "keys and values of a bus, under its namespace",
    ),
    Room(
        "bus/",
        "one connection pair for all channels, and the task that supervises it",
    ),
    Room(
        "transport/",
        "what carries payloads and keeps keys: the process, or Redis",
    ),
    Room(
        "channel/",
        "who listens to a channel, and how a payload reaches them",
    ),
    Room(
        "event/",
        "the trait that the derive implements, and the methods that it adds",
    ),
    Room("settings.rs", "the settings of a bus"),
    Room(
        "error.rs",
        "why connecting, becoming live or publishing failed",
    ),
    Room(
        "link/",
        "the protocol core: when events may be lost, and when a channel is live",
    ),
    Room("wire/", "strict JSON in, canonical JSON out"),
    Room(
        "health/",
        "whether events are proven to arrive, and if not, why",
    ),
    Room("queue.rs", "a bounded queue that collapses into a flush"),
    Room(
        "log_throttle.rs",
        "keeps one kind of failure from flooding the log",
    ),
    Room("backoff.rs", "the wait before the next attempt"),
    Room("clock/", "the clocks that caches read"),
    Room(
        "weak_list.rs",
        "weak references to live objects, for audits",
    ),
    Room("place.rs", "a source location"),
    Room("sync.rs", "locks without poisoning"),
    Room("random.rs", "ids and nonces"),
    Room("counters.rs", "counters behind the statistics"),
    Room("defaults.rs", "the default settings"),
];

pub(crate) const DERIVE: &[Room] = &[
    Room("lib.rs", "the two macros"),
    Room("derive.rs", "parse, validate, expand"),
    Room("expand", "tokens; cannot fail"),
    Room("fallback.rs", "a stub beside an error"),
    Room("valid", "rules that look at several nodes"),
    Room("ast.rs", "a view of the input, with its attributes"),
    Room("attr", "attributes as typed values that keep their spans"),
    Room("types.rs", "what a type looks like"),
    Room("suggest.rs", "the nearest known key"),
    Room("ctxt.rs", "collects errors"),
    Room("case.rs", "names on the wire"),
    Room("json.rs", "JSON strings"),
];

/// The position of a file's layer from the top, from 0; `None` if the file is in no layer.
pub(crate) fn level(rooms: &[Room], file: &str) -> Option<usize> {
    rooms
        .iter()
        .enumerate()
        .filter(|(_, room)| file.starts_with(room.0))
        .max_by_key(|(_, room)| room.0.len())
        .map(|(level, _)| level)
}
