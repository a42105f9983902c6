//! A diagnosis, and what was heard, as JSON.

use serde_json::{Value, json};

use super::diagnosis::{Check, Diagnosis, Instance};
use super::tail::{Heard, Verdict};
use crate::export::hex;

impl Diagnosis {
    /// The diagnosis as JSON: an object with `well`, `checks` and `instances`. Times are in
    /// milliseconds. What does not apply is `null`.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({
            "well": self.is_well(),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "instances": self.instances.iter().map(instance).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

fn check(check: &Check) -> Value {
    json!({
        "what": check.what,
        "outcome": check.outcome.as_str(),
        "text": check.text,
        "tookMs": check.took.as_secs_f64() * 1000.0,
    })
}

fn instance(instance: &Instance) -> Value {
    let caches = instance.caches.iter();
    let caches = caches.map(|(name, kind)| json!({ "name": name, "kind": kind }));
    json!({
        "name": instance.name,
        "leaseLeftMs": instance.lease_left.map(|left| left.as_secs_f64() * 1000.0),
        "auditedMsAgo": instance.audited.map(|ago| ago.as_secs_f64() * 1000.0),
        "version": instance.version,
        "caches": caches.collect::<Vec<_>>(),
        "schemas": instance.schemas,
    })
}

impl Heard {
    /// As JSON in one line: an object with `heard` (`message`, `live`, `lost` or `skipped`). A message
    /// has `channel`, `payload` (a string) or `hex` (of one that is not UTF-8), and `event` (as logs
    /// show it) or `rejected` (the reason), or neither if no service of the program declares the
    /// channel.
    #[must_use]
    pub fn to_json(&self) -> String {
        let object = match self {
            Self::Message(message) => {
                let mut object = json!({ "heard": "message", "channel": message.channel });
                match str::from_utf8(&message.payload) {
                    Ok(text) => object["payload"] = text.into(),
                    Err(_) => object["hex"] = hex(&message.payload).into(),
                }
                match &message.verdict {
                    Verdict::Event(event) => object["event"] = event.to_string().into(),
                    Verdict::Rejected(rejection) => object["rejected"] = rejection.clone().into(),
                    Verdict::Undeclared => {}
                }
                object
            }
            Self::Live { channel } => json!({ "heard": "live", "channel": channel }),
            Self::Lost { channel, why } => {
                json!({ "heard": "lost", "channel": channel, "why": why })
            }
            Self::Skipped => json!({ "heard": "skipped" }),
        };
        object.to_string()
    }
}
