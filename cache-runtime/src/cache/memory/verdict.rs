//! What the error of a load says: that the source is away, or that it has answered.
//!
//! Each call has an error type of its own, and an option of the cache has to speak of it. So options
//! are kept by type.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::Duration;

use crate::cache::error::LoadTimedOut;

/// An error of any type.
type AnyError = dyn Any + Send + Sync;

/// What an error says of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is away, so that the expired entry may stand in.
    Outage,
    /// It has answered that there is no value for this caller any more.
    Refusal,
    /// Nobody has said what errors of this type mean.
    Unknown,
}

/// Says whether an error is an outage; `None` if it is of another type.
type Judge = Box<dyn Fn(&AnyError) -> Option<bool> + Send + Sync>;

/// Says which errors are outages: all of them, if it is empty.
#[derive(Default)]
pub(crate) struct Judges(Vec<(TypeId, Judge)>);

impl Judges {
    pub(crate) fn add<E: 'static>(
        &mut self,
        is_outage: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) {
        let judge = move |error: &AnyError| error.downcast_ref().map(&is_outage);
        // Of one type, the last counts.
        self.0.retain(|(known, _)| *known != TypeId::of::<E>());
        self.0.push((TypeId::of::<E>(), Box::new(judge)));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn judge(&self, error: &AnyError) -> Verdict {
        if self.0.is_empty() {
            return Verdict::Outage;
        }
        match self.0.iter().find_map(|(_, judge)| judge(error)) {
            Some(true) => Verdict::Outage,
            Some(false) => Verdict::Refusal,
            None => Verdict::Unknown,
        }
    }
}

/// Makes the error of a load that was given up.
type MakeError = Box<dyn Fn(LoadTimedOut) -> Box<AnyError> + Send + Sync>;

/// When loads are given up, and with which errors.
#[derive(Default)]
pub(crate) struct LoadTimeout {
    limit: Option<Duration>,
    errors: Vec<(TypeId, MakeError)>,
}

impl LoadTimeout {
    pub(crate) fn set<E: Send + Sync + 'static>(
        &mut self,
        limit: Duration,
        error: impl Fn(LoadTimedOut) -> E + Send + Sync + 'static,
    ) {
        self.limit = Some(limit);
        let make = move |late| Box::new(error(late)) as Box<AnyError>;
        self.errors.retain(|(known, _)| *known != TypeId::of::<E>());
        self.errors.push((TypeId::of::<E>(), Box::new(make)));
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// How to make an error of this type; `None` if nobody has said.
    pub(super) fn error<E: 'static>(&self) -> Option<impl Fn(&Arc<str>) -> E + '_> {
        let limit = self.limit?;
        let wanted = TypeId::of::<E>();
        let (_, make) = self.errors.iter().find(|(of, _)| *of == wanted)?;
        Some(move |cache: &Arc<str>| {
            let late = LoadTimedOut::new(cache, limit);
            *make(late).downcast().expect("it is kept under its type")
        })
    }
}
