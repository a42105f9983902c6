//! An open connection for commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind};
use tokio_util::task::AbortOnDropHandle;

use super::batches::Batches;
use super::endpoint::Endpoint;
use super::primary_check::Asker;
use crate::health::Cause;
use crate::server_info::Identity;

/// The next number of a connection.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// An open connection. Clones share it.
#[derive(Clone)]
pub(super) struct Open {
    /// No other connection of the process has the same.
    pub(super) number: u64,
    pub(super) connection: MultiplexedConnection,
    /// The server's identity, as it answered when the connection was opened.
    pub(super) identity: Option<Identity>,
    /// How often another primary was named before it was opened.
    pub(super) changes: u64,
    /// Publications on it.
    pub(super) batches: Arc<Batches>,
    ended: Arc<AtomicBool>,
    _renewal: Option<Arc<AbortOnDropHandle<()>>>,
}

impl Open {
    /// A number for a new connection.
    pub(super) fn next_number() -> u64 {
        NUMBERS.fetch_add(1, Ordering::Relaxed)
    }

    /// Opens a connection, which the present runtime drives.
    pub(super) async fn new(endpoint: &Endpoint, role: &str, number: u64) -> Result<Self, Cause> {
        let ended = Arc::new(AtomicBool::new(false));
        let config = AsyncConnectionConfig::new().set_push_sender({
            let ended = Arc::clone(&ended);
            move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    ended.store(true, Ordering::Release);
                }
                Ok::<(), SendError>(())
            }
        });
        let opened = endpoint.open(role, config).await?;
        let asker = Asker::new(opened.connection.clone());
        Ok(Self {
            number,
            connection: opened.connection,
            identity: opened.server.identity,
            changes: opened.changes,
            batches: Arc::new(Batches::new(asker)),
            _renewal: opened.renewal.map(Arc::new),
            ended,
        })
    }

    /// Whether the server has closed it. This is looked at before each use. Otherwise the first command
    /// after that would fail, and some commands must not be sent twice.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}
