//! Where the primary is: at the address, at one of several, or where the Sentinels say.

use std::sync::Arc;

use redis::ConnectionAddr;

use super::sentinel::Sentinels;

/// Where the primary is.
pub(super) enum Primary {
    At(ConnectionAddr),
    Among(Vec<ConnectionAddr>),
    Told {
        sentinels: Arc<Sentinels>,
        /// The address of a Sentinel. That of a server has the same settings of TLS.
        like: ConnectionAddr,
    },
}

impl Primary {
    /// The same for another instance.
    pub(super) fn another(&self) -> Self {
        match self {
            Self::At(address) => Self::At(address.clone()),
            Self::Among(addresses) => Self::Among(addresses.clone()),
            Self::Told { sentinels, like } => Self::Told {
                sentinels: Arc::new(sentinels.another()),
                like: like.clone(),
            },
        }
    }

    pub(super) fn sentinels(&self) -> Option<&Arc<Sentinels>> {
        match self {
            Self::At(_) | Self::Among(_) => None,
            Self::Told { sentinels, .. } => Some(sentinels),
        }
    }

    /// How often another primary was named so far. A connection to an earlier one must not be used.
    pub(super) fn changes(&self) -> u64 {
        self.sentinels().map_or(0, |sentinels| sentinels.changes())
    }
}

/// An address on the network, with another host and port.
pub(super) fn with_place(like: &ConnectionAddr, host: String, port: u16) -> ConnectionAddr {
    match like {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    }
}
