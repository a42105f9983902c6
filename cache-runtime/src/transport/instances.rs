//! The list of live instances that a server keeps, so that a publisher knows whom to wait for.

#[cfg(feature = "redis")]
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::settings::{INSTANCES_KEY, Settings};

/// What comes before the id in the element that says until when the lease of an instance is proven.
#[cfg(feature = "redis")]
const PROOF: &str = "proven:";

/// How an instance lists itself. Names and keys have the namespace already.
#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "the in-process bus lists nobody")
)]
#[derive(Debug)]
pub(crate) struct Listing {
    /// The key of the list.
    pub(crate) list: String,
    pub(crate) id: u64,
    /// Its name, for people.
    pub(crate) name: String,
    /// How long it may serve without a further canary.
    pub(crate) lease: Duration,
}

/// A listed instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: u64,
    pub(crate) name: Arc<str>,
    /// When its lease ends at the latest, by the server's clock, in ms: if its latest canary comes
    /// back.
    pub(crate) until: u64,
    /// When its lease ends by the latest canary that it says has come back; 0 if that is over.
    pub(crate) proven: u64,
}

/// The list, as the server has answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Instances {
    /// The server's clock, in ms.
    pub(crate) now: u64,
    /// How long the server has had this list; `None` if it has none. Instances that were listed before
    /// may be missing.
    pub(crate) age: Option<Duration>,
    pub(crate) listed: Vec<Listed>,
}

/// What a fence was answered with.
#[derive(Debug)]
pub(crate) struct Fenced {
    /// How many instances are subscribed to it.
    pub(crate) receivers: u64,
    /// The instances that were listed when it was published; `None` if the server does not tell.
    pub(crate) instances: Option<Instances>,
}

#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "the in-process bus lists nobody")
)]
impl Listing {
    pub(crate) fn new(settings: &Settings, id: u64) -> Self {
        Self {
            list: settings.full_name(INSTANCES_KEY),
            id,
            #[cfg(feature = "redis")]
            name: settings.name.clone(),
            #[cfg(not(feature = "redis"))]
            name: format!("{id:016x}"),
            lease: settings.lease,
        }
    }

    /// The element of the list.
    pub(crate) fn element(&self) -> String {
        format!("{:016x} {}", self.id, self.name)
    }

    /// The element that says until when its lease is proven.
    #[cfg(feature = "redis")]
    pub(crate) fn proof(&self) -> String {
        format!("{PROOF}{:016x}", self.id)
    }
}

impl Instances {
    /// The list from its elements, each with its score, and the time in seconds and microseconds.
    #[cfg(feature = "redis")]
    pub(crate) fn read(elements: Vec<(String, f64)>, (seconds, micros): (u64, u64)) -> Self {
        let now = seconds * 1000 + micros / 1000;
        let mut instances = Self {
            now,
            ..Self::default()
        };
        let mut proven = HashMap::new();
        for (element, score) in elements {
            // Scores are whole numbers of ms.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let time = score.abs() as u64;
            if element == "since" {
                instances.age = Some(Duration::from_millis(now.saturating_sub(time)));
            } else if let Some((id, name)) = element.split_once(' ')
                && let Ok(id) = u64::from_str_radix(id, 16)
            {
                instances.listed.push(Listed {
                    id,
                    name: name.into(),
                    until: time,
                    proven: 0,
                });
            } else if let Some(id) = element.strip_prefix(PROOF)
                && let Ok(id) = u64::from_str_radix(id, 16)
            {
                proven.insert(id, time);
            }
        }
        for listed in &mut instances.listed {
            listed.proven = proven.get(&listed.id).copied().unwrap_or(0);
        }
        instances
    }
}
