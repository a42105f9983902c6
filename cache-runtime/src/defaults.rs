//! The default settings of buses and caches.

use std::time::Duration;

/// Longest payload that is published or accepted: 64 KiB.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// Time from one canary to the next: 500 ms.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long a canary proves that events arrive: 2 s.
pub const LEASE: Duration = Duration::from_secs(2);
/// Wait before the first attempt to reconnect: 20 ms.
pub const BACKOFF_MIN: Duration = Duration::from_millis(20);
/// Longest wait between attempts to reconnect: 1 s.
pub const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// Least time between two flushes of a channel's handlers because of rejected messages: 1 s.
pub const REJECTION_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time to connect, including the log-in: 2 s.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time to wait for the answer to a command: 1 s.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Most events that wait for one handler before they collapse into one `All`: 1,024.
pub const QUEUE_EVENTS: usize = 1024;
/// Most bytes that wait for one handler before they collapse into one `All`: 2 MiB.
pub const QUEUE_BYTES: usize = 2 * 1024 * 1024;
/// Most messages of all channels that wait to be received before they collapse into a flush: 8,192.
pub const INBOX_MESSAGES: usize = 8 * 1024;
/// Most bytes of all channels that wait to be received before they collapse into a flush: 4 MiB, or
/// twice the longest payload if that is more.
pub const INBOX_BYTES: usize = 4 * 1024 * 1024;
/// Most events that wait to be sent again, before those of a channel collapse into one `All`: 1,024.
pub const OUTBOX_EVENTS: usize = 1024;
/// Most bytes that wait to be sent again, before those of a channel collapse into one `All`: 2 MiB.
pub const OUTBOX_BYTES: usize = 2 * 1024 * 1024;
/// Most entries of a `CoherentCache` or a `Cooldown`: 10,000.
pub const MAX_ENTRIES: usize = 10_000;
/// Most entries of a `TtlCache`: 100.
pub const TTL_CACHE_ENTRIES: usize = 100;
/// How long a `Dedup` keeps a key reserved: 5 s.
pub const DEDUP_TTL: Duration = Duration::from_secs(5);
/// Longest value that a `RedisCache` stores: 1 MiB.
pub const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// TTL of an absent entry of a `RedisCache`, in categories without a TTL of their own: 30 s.
pub const NEGATIVE_TTL: Duration = Duration::from_secs(30);
/// How long a caller waits for another caller's load of its key, in the same process: 10 s.
pub const LOAD_WAIT: Duration = Duration::from_secs(10);
/// How long one load of a `RedisCache` may keep other instances from loading: 30 s.
pub const LOAD_LOCK_TTL: Duration = Duration::from_secs(30);
/// Least time from the beginning of a load of a `Snapshot` to that of the next: 50 ms.
pub const RELOAD_INTERVAL: Duration = Duration::from_millis(50);
/// How long one load of a `Snapshot` may take: 30 s.
pub const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait before a load of a `Snapshot` that has failed is tried again: 100 ms.
pub const RELOAD_BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest wait before a load of a `Snapshot` that has failed is tried again: 10 s.
pub const RELOAD_BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Longest time from one look of a relay at its outbox to the next: 1 s.
pub const OUTBOX_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long a relay that has ended keeps others from publishing: 10 s.
pub const OUTBOX_LEASE: Duration = Duration::from_secs(10);
/// Most rows that a relay publishes at a time: 256.
pub const OUTBOX_BATCH: usize = 256;
/// Time from one refresh of an `AuditPage` to the next: 5 s.
pub const PAGE_REFRESH: Duration = Duration::from_secs(5);
