//! What an instance asks a simulated server, and the answers.

use std::sync::Arc;
use std::time::Duration;

use super::slots::View;
use crate::health::Cause;
use crate::server_info::ServerInfo;
use crate::transport::instances::{Fenced, Instances, Listing};

pub(in crate::transport) enum Request {
    Hello,
    Subscribe(Vec<Arc<str>>),
    Unsubscribe(Vec<Arc<str>>),
    Publish {
        channel: Arc<str>,
        payload: Arc<[u8]>,
    },
    Canary {
        channel: Arc<str>,
        payload: Arc<[u8]>,
        /// With when it was listed for the latest canary that has come back.
        listing: Option<(Entry, u64)>,
    },
    Fence {
        channel: Arc<str>,
        payload: Arc<[u8]>,
    },
    Instances,
    Unlist(u64),
    Slots,
}

/// An instance that lists itself.
#[derive(Clone)]
pub(in crate::transport) struct Entry {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) lease: Duration,
}

impl Entry {
    pub(super) fn new(listing: &Listing) -> Self {
        Self {
            id: listing.id,
            name: listing.name.as_str().into(),
            lease: listing.lease,
        }
    }
}

pub(in crate::transport) enum Reply {
    Done,
    Server(ServerInfo),
    Published(u64),
    Canary {
        server: ServerInfo,
        listed: Option<Result<u64, Cause>>,
    },
    Fenced(Fenced),
    Instances(Instances),
    Slots(View),
    /// Another server serves the slot.
    Moved,
    /// It was asked for what only a primary can do.
    NotPrimary,
}
