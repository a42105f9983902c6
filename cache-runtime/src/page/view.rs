//! What a page shows, at one moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::audit::{Audit, local, process};
use crate::bus::handle::Bus;
use crate::health::Health;

/// What a page shows.
pub(super) struct View<'a> {
    pub(super) title: &'a str,
    pub(super) refresh: Duration,
    pub(super) audit: Audit,
    /// The health of the bus, if the page has one.
    pub(super) health: Option<Health>,
    /// Why other instances could not be asked.
    pub(super) instances_error: Option<String>,
    /// Of this process, and new with every start.
    pub(super) process: &'static str,
    /// The time since 1970.
    pub(super) at: Duration,
}

impl<'a> View<'a> {
    pub(super) async fn of(bus: Option<&Bus>, title: &'a str, refresh: Duration) -> Self {
        let mut instances_error = None;
        let audit = match bus {
            Some(bus) => bus.audit().await.unwrap_or_else(|error| {
                instances_error = Some(format!("{error:#}"));
                local::audit()
            }),
            None => local::audit(),
        };
        Self {
            title,
            refresh,
            audit,
            health: bus.map(Bus::health),
            instances_error,
            process: process(),
            at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// The audit, and why other instances could not be asked.
    pub(super) fn to_json(&self) -> String {
        let mut json = self.audit.to_json();
        if json.pop() == Some('}') {
            let error = Value::from(self.instances_error.as_deref());
            json.extend([",\"instancesError\":", &error.to_string(), "}"]);
        }
        json
    }
}
