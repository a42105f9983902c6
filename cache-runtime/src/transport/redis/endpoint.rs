//! Where a server is, and how connections to it are opened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisError,
};
use tracing::debug;

use super::failure::Failures;
use super::{address, greeting, server_info};
use crate::health::Cause;
use crate::io_thread;
use crate::server_info::{Role, ServerInfo};
use crate::settings::Settings;

/// The address and settings that all connections of a bus share.
pub(super) struct Endpoint {
    client: Client,
    name: String,
    connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) max_payload: usize,
    pub(super) failures: Arc<Failures>,
}

impl Endpoint {
    pub(super) fn new(url: &str, settings: &Settings) -> Result<Self, Cause> {
        let unusable = |what: &str| Cause::Settings(format!("address: {what}").into());
        if let Some(fault) = address::fault(url) {
            return Err(unusable(&fault));
        }
        // Without a detail, which may quote the address, and with it the password.
        let info = url
            .into_connection_info()
            .map_err(|error| unusable(error.category()))?;
        let given = info.redis_settings();
        // An address without a password may have the password in the place of the user name.
        let user = given.password().and(given.username());
        let failures = Arc::new(Failures {
            address: describe(info.addr()),
            user: user.map(str::to_owned),
            has_password: given.password().is_some(),
            namespace: settings.namespace.clone(),
        });
        // Database 0, because databases do not separate channels.
        let redis = given.clone().set_protocol(ProtocolVersion::RESP3).set_db(0);
        // The lease detects a silent server. These settings then free its socket.
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(
            TcpKeepalive::new()
                .with_time(Duration::from_secs(10))
                .with_interval(Duration::from_secs(5)),
        );
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(settings.lease);
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp);
        #[cfg(feature = "tls-rustls")]
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            choose_cryptography();
        }
        let client = Client::open(info)
            .map_err(|error| unusable(&format!("{}: {}", failures.address, error.category())))?;
        Ok(Self {
            client,
            name: settings.name.clone(),
            connect_timeout: settings.connect_timeout,
            response_timeout: settings.response_timeout,
            max_payload: settings.max_payload,
            failures,
        })
    }

    /// Connects to a primary, logs in and names the connection `name:role`. The runtime that
    /// it is called in drives the connection.
    pub(super) async fn open(
        &self,
        role: &str,
        config: AsyncConnectionConfig,
    ) -> Result<(MultiplexedConnection, ServerInfo), Cause> {
        let config = config
            // The timeout below covers every step.
            .set_connection_timeout(None)
            // Callers wait with a limit of their own, because they may have no runtime.
            .set_response_timeout(None);
        let connecting = async {
            let mut connection = self
                .client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            let mut name = redis::cmd("CLIENT");
            name.arg("SETNAME").arg(format!("{}:{role}", self.name));
            let address = &self.failures.address;
            let (server, [named]) = server_info::ask(&mut connection, address, [name]).await?;
            if let Err(error) = named.extract_error() {
                // A connection without a name works as well.
                debug!(%error, "the connection could not be named");
            }
            Ok((connection, server))
        };
        let begun = Instant::now();
        match io_thread::timeout(self.connect_timeout, connecting).await {
            Ok(Ok((connection, server))) => match server.role {
                Role::Other(role) => Err(Cause::NotPrimary(role)),
                Role::Primary => Ok((connection, server)),
            },
            Ok(Err(error)) => {
                let left = self.connect_timeout.saturating_sub(begun.elapsed());
                Err(self.explained(&error, left).await)
            }
            Err(_) => Err(self.failures.timeout("connecting", self.connect_timeout)),
        }
    }

    /// Why a connection could not be opened. If the server has closed it, the server may say why,
    /// within the time that is `left`.
    async fn explained(&self, error: &RedisError, left: Duration) -> Cause {
        let refusal = if greeting::may_explain(error) {
            greeting::refusal(self.client.get_connection_info().addr(), left).await
        } else {
            None
        };
        match refusal {
            Some(refusal) => self.failures.refused(&refusal),
            None => self.failures.cause(error),
        }
    }
}

fn describe(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port} (TLS)"),
        ConnectionAddr::Unix(path) => path.display().to_string(),
        _ => "an unknown address".to_owned(),
    }
}

/// Installs a cryptography provider if the process has none, because rustls would panic without
/// one.
#[cfg(feature = "tls-rustls")]
fn choose_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // This fails only if another thread has just installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
