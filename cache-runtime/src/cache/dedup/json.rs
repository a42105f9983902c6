//! How a reservation is written.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::random::nonce;
use crate::wire::Quoted;

/// The key of the nonce.
const NONCE: &str = "nonce";

/// Writes a reservation as a JSON object: `{"owner":"…","nonce":"…"}`, or with another name for the
/// owner and with further members.
///
/// So reservations can be shared with programs that have a format of their own. Of what another
/// program has written, only the owner is read; the rest may be anything. The nonce tells two
/// reservations of one owner apart; others may ignore it.
///
/// # Examples
///
/// Records as `{"requestId":"r-1","nonce":"…","timestamp":1700000000000}`, under `dedup:KEY`:
///
/// ```
/// use std::time::{SystemTime, UNIX_EPOCH};
/// use cache_runtime::dedup::{Json, Reservation};
/// use cache_runtime::{Bus, Dedup};
///
/// fn now(_request: &str) -> u64 {
///     let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
///     u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let bus = Bus::in_process();
/// let requests = Dedup::builder(&bus, "requests")
///     .key_by(|key| format!("dedup:{key}"))
///     .codec(Json::owner("requestId").with("timestamp", now))
///     .build()?;
/// assert_eq!(requests.reserve("a", "r-1").await?, Reservation::Reserved);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Json {
    owner: Arc<str>,
    more: Vec<(Arc<str>, Member)>,
}

/// Writes the value of a further member, for an owner.
type Member = Arc<dyn Fn(&str) -> serde_json::Result<Value> + Send + Sync>;

impl Json {
    /// The key of the owner, which is a string.
    pub fn owner(key: impl Into<Arc<str>>) -> Self {
        Self {
            owner: key.into(),
            more: Vec::new(),
        }
    }

    /// Adds a member that other programs read. Its value may depend on the owner.
    ///
    /// Where it cannot be written as JSON, it is `null`.
    #[must_use]
    pub fn with<T: Serialize>(
        mut self,
        key: impl Into<Arc<str>>,
        value: impl Fn(&str) -> T + Send + Sync + 'static,
    ) -> Self {
        let member = Arc::new(move |owner: &str| serde_json::to_value(value(owner)));
        self.more.push((key.into(), member));
        self
    }

    /// The first key that is there twice.
    pub(super) fn repeated(&self) -> Option<&str> {
        let mut seen = HashSet::from([NONCE]);
        let more = self.more.iter().map(|(key, _)| &**key);
        std::iter::once(&*self.owner)
            .chain(more)
            .find(|key| !seen.insert(key))
    }

    /// A new reservation.
    pub(super) fn encode(&self, owner: &str) -> Vec<u8> {
        let mut stored = self.start(owner);
        stored.push_str(&nonce());
        stored.push('"');
        for (key, value) in &self.more {
            let value = value(owner).unwrap_or_default();
            let _ = write!(stored, ",{}:{value}", Value::from(&**key));
        }
        stored.push('}');
        stored.into_bytes()
    }

    /// How every reservation of this owner starts, and no reservation of another owner.
    pub(super) fn start(&self, owner: &str) -> String {
        let (key, owner) = (Value::from(&*self.owner), Value::from(owner));
        format!(r#"{{{key}:{owner},"{NONCE}":""#)
    }

    /// The owner of a reservation; the error describes what the key holds instead. Programs in other
    /// languages may format the JSON differently, and order its members differently.
    pub(super) fn decode(&self, stored: &[u8]) -> Result<String, String> {
        let found = |why: &str| {
            let found = String::from_utf8_lossy(stored);
            format!("{} of {} bytes ({why})", Quoted(&found), stored.len())
        };
        match serde_json::from_slice(stored) {
            Ok(Value::Object(mut reservation)) => match reservation.remove(&*self.owner) {
                Some(Value::String(owner)) => Ok(owner),
                _ => Err(found(&format!(
                    "without an `{}` that is a string",
                    self.owner
                ))),
            },
            Ok(_) => Err(found("no JSON object")),
            Err(error) => Err(found(&error.to_string())),
        }
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::owner("owner")
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.more.iter().map(|(key, _)| key);
        f.debug_list().entry(&self.owner).entries(more).finish()
    }
}
