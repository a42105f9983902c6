//! What a bus goes by unless its builder is told otherwise.

use std::time::Duration;

/// Longest payload that is decoded or published: 64 KiB.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// Time from one canary to the next: 500 ms.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long a canary proves that events arrive: 2 s.
pub const LEASE: Duration = Duration::from_secs(2);
/// Wait before the first attempt to reconnect: 20 ms.
pub const BACKOFF_MIN: Duration = Duration::from_millis(20);
/// Longest wait between attempts to reconnect: 1 s.
pub const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// Least time between two flushes on account of unreadable messages: 1 s.
pub const REJECTION_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time to connect, including the log-in: 2 s.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time to wait for an answer of the server: 1 s.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Events that wait for one handler before they turn into one `All`: 1,024.
pub const QUEUE_EVENTS: usize = 1024;
/// Bytes that wait for one handler before they turn into one `All`: 2 MiB.
pub const QUEUE_BYTES: usize = 2 * 1024 * 1024;
/// Messages of all channels that wait to be handled before they turn into a loss: 8,192.
pub const MAILBOX_MESSAGES: usize = 8 * 1024;
/// Bytes of all channels that wait to be handled before they turn into a loss: 4 MiB, or two of the
/// longest payloads if that is more.
pub const MAILBOX_BYTES: usize = 4 * 1024 * 1024;
