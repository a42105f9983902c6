//! The audit that knows of other instances.

use std::error::Error;
use std::fmt;
use std::sync::LazyLock;

use tracing::warn;

use super::channels::uses;
use super::enrolled::described;
use super::peer::{Peer, RECORD_TTL, record};
use super::report::Audit;
use super::rows::assemble;
use super::schemas::schemas;
use crate::bus::Bus;
use crate::error::sources;
use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::random;
use crate::transport::Record;

/// The most records that are kept. Beyond that, the oldest are dropped.
const MOST_RECORDS: usize = 1024;

/// The id of this process, which leaves one record, because caches in memory belong to no bus. It
/// is random, and new with every start.
static PROCESS: LazyLock<String> = LazyLock::new(|| format!("{:016x}", random::number()));

/// The id of this process in its record.
#[cfg(feature = "page")]
pub(crate) fn process() -> &'static str {
    &PROCESS
}

impl Bus {
    /// Lists what [`audit()`](crate::audit()) does, and flags what only other instances show.
    ///
    /// These are their TTL caches of the same names, and the events that evict something there.
    ///
    /// Each call leaves a record of this process in the hash `cache-runtime:audit`, and reads those
    /// of the others, in one round trip. The key begins with the namespace of the bus, if it has
    /// one. So instances see each other once each has audited, and for
    /// [`RECORD_TTL`](crate::audit::RECORD_TTL) from then on, whether or not they still run. Of
    /// more than 1024 records the oldest are dropped. Access rules have to allow the key
    /// `~cache-runtime:audit` and `+eval +evalsha +time +hset +hgetall +hdel +pexpire`.
    ///
    /// An in-process bus has no other processes, so there the result is that of
    /// [`audit()`](crate::audit()).
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, does not answer in time or refuses it, or when the bus is
    /// closed. [`audit()`](crate::audit()) needs no server.
    ///
    /// # Cancel safety
    ///
    /// Safe: at most, this process has left its record.
    pub async fn audit(&self) -> Result<Audit, AuditError> {
        let peers = self.peers().await.map_err(|cause| AuditError { cause })?;
        Ok(assemble(described(), &uses(), &peers))
    }

    async fn peers(&self) -> Result<Vec<Peer>, Cause> {
        #[cfg(feature = "redis")]
        let instance = &self.shared().settings().name;
        // No other process can read the record.
        #[cfg(not(feature = "redis"))]
        let instance = "";
        let own = record(instance, &described(), schemas());
        let keyspace = Keyspace::new(self);
        let records = keyspace.exchange_records(&PROCESS, own.as_bytes(), RECORD_TTL, MOST_RECORDS);
        Ok(read(&records.await?))
    }

    /// The instances that have audited. Leaves no record.
    #[cfg(feature = "doctor")]
    pub(crate) async fn audited(&self) -> Result<Vec<Peer>, Cause> {
        let keyspace = Keyspace::new(self);
        let records = keyspace.records(RECORD_TTL, MOST_RECORDS);
        Ok(read(&records.await?))
    }
}

fn read(records: &[Record]) -> Vec<Peer> {
    let peers = records.iter().filter_map(|record| {
        let peer = Peer::read(record);
        if peer.is_none() {
            let process = &record.process;
            warn!(?process, "another instance's audit record was rejected");
        }
        peer
    });
    peers.collect()
}

/// Other instances could not be asked for their caches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditError {
    cause: Cause,
}

impl AuditError {
    /// Why other instances could not be asked.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("other instances could not be asked for their caches")?;
        sources(self, f)
    }
}

impl Error for AuditError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
