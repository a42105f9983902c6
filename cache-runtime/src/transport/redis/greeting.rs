//! What a server says unasked before it closes a connection, such as that it has too many clients.
//!
//! The client writes first, so what it reports is only that the connection broke.

use std::io;
use std::time::Duration;

use redis::{ConnectionAddr, RedisError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

use crate::io_thread::timeout;

/// Longest time to wait for what a server says unasked. Most say nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// Longest error that is read.
const LONGEST: u64 = 512;

/// Whether the server may have closed the connection after a word that the client did not read.
pub(super) fn may_explain(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_connection_refusal()
}

/// The error that a server answers a new connection with before it closes it, if that comes within
/// `limit`. Call it in a runtime that does I/O.
pub(super) async fn refusal(address: &ConnectionAddr, limit: Duration) -> Option<String> {
    let line = timeout(limit.min(PATIENCE), async {
        match address {
            ConnectionAddr::Tcp(host, port) => {
                first_line(TcpStream::connect((host.as_str(), *port)).await).await
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                first_line(tokio::net::UnixStream::connect(path).await).await
            }
            // Over TLS, the server closes the connection without a word.
            _ => None,
        }
    });
    let line = line.await.ok()??;
    Some(line.strip_prefix('-')?.trim_end().to_owned())
}

async fn first_line(connection: io::Result<impl AsyncRead + Unpin>) -> Option<String> {
    let mut said = Vec::new();
    let mut connection = BufReader::new(connection.ok()?.take(LONGEST));
    // Also what came before an error counts.
    let _ = connection.read_until(b'\n', &mut said).await;
    Some(String::from_utf8_lossy(&said).into_owned())
}
