//! What a diagnosis has found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What [`Bus::doctor`](crate::Bus::doctor) has found. `Display` writes it for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What was tried, in this order.
    pub checks: Vec<Check>,
    /// The instances that are listed, or have audited within
    /// [`RECORD_TTL`](crate::audit::RECORD_TTL), by name.
    pub instances: Vec<Instance>,
}

impl Diagnosis {
    /// Whether nothing has failed.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let mut outcomes = self.checks.iter().map(|check| check.outcome);
        outcomes.all(|outcome| outcome != Outcome::Failed)
    }
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// What was tried, in one or two words: `server`, `events`, `channel cache:users`.
    pub what: String,
    /// How it went.
    pub outcome: Outcome,
    /// What was found.
    pub text: String,
    /// How long it took.
    pub took: Duration,
}

/// How a [`Check`] went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// As it has to be.
    Passed,
    /// It may be as intended; the text says when it is not.
    Doubtful,
    /// The library does not work so.
    Failed,
}

impl Outcome {
    /// As it is written: `passed`, `doubtful`, `failed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Doubtful => "doubtful",
            Self::Failed => "failed",
        }
    }
}

/// An outcome, and what was found.
pub(super) type Found = (Outcome, String);

/// An instance of any service that uses the server under the same namespace.
///
/// Instances of one name are listed one by one. Which of them has audited is not known then.
/// The server has a list of those that serve events now. More is known of those that have
/// [audited](crate::Bus::audit), for [`RECORD_TTL`](crate::audit::RECORD_TTL) from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instance {
    /// As `BusBuilder::name` says.
    pub name: String,
    /// How long it may serve without a further canary; `None` if it is not listed: it has ended, or only
    /// publishes.
    pub lease_left: Option<Duration>,
    /// How long ago it has audited.
    pub audited: Option<Duration>,
    /// The version of this library, if it has audited.
    pub version: Option<String>,
    /// The names of its caches with their kinds, if it has audited.
    pub caches: Vec<(String, String)>,
    /// The [fingerprint](crate::event::EventSchema::fingerprint) of the events of each channel, if it
    /// has audited and has the feature `export`.
    pub schemas: BTreeMap<String, String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            outcome,
            text,
            took,
        } = self;
        write!(f, "{outcome:8}  {what}: {text} ({})", Took(*took))
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match self.lease_left {
            Some(left) => write!(f, "lease ends in {}", Took(left))?,
            None => f.write_str("not listed")?,
        }
        if let Some(audited) = self.audited {
            write!(f, ", audited {} s ago", audited.as_secs())?;
        }
        if let Some(version) = &self.version {
            write!(f, ", version {version}")?;
        }
        for (name, kind) in &self.caches {
            write!(f, "\n  cache {name} ({kind})")?;
        }
        for (channel, fingerprint) in &self.schemas {
            write!(f, "\n  channel {channel}: events {fingerprint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = self.checks.iter().map(ToString::to_string).collect();
        if !self.instances.is_empty() {
            lines.push("\ninstances".to_owned());
        }
        lines.extend(self.instances.iter().map(ToString::to_string));
        f.write_str(&lines.join("\n"))
    }
}

/// A time in ms with one digit, or in seconds.
pub(super) struct Took(pub(super) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 1.0 {
            write!(f, "{:.1} ms", seconds * 1000.0)
        } else {
            write!(f, "{seconds:.1} s")
        }
    }
}
