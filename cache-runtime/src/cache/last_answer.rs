//! Whether Redis has answered the latest command of a cache, for audits.

use crate::audit::State;
use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::sync::Mutex;

/// Why the latest command failed, if it did.
#[derive(Default)]
pub(super) struct LastAnswer(Mutex<Option<Cause>>);

impl LastAnswer {
    /// Takes note of an answer, and returns it.
    pub(super) fn note<T>(&self, answer: Result<T, Cause>) -> Result<T, Cause> {
        *self.0.lock() = answer.as_ref().err().cloned();
        answer
    }

    pub(super) fn state(&self, keyspace: &Keyspace) -> State {
        let closed = keyspace.is_closed().then_some(Cause::Closed);
        let failed = closed.or_else(|| self.0.lock().clone());
        failed.map_or(State::Live, |cause| State::Down(cause.to_string()))
    }
}
