//! How connections to the primary are opened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, RedisError,
};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::address::{Address, describe};
use super::credentials::{Source, login};
use super::failure::{Failures, Login, Place, another_server};
use super::primary::{Primary, with_place};
use super::sentinel::{Sentinel, Sentinels};
use super::target::Target;
use super::{greeting, server_info};
use crate::health::Cause;
use crate::io_thread;
use crate::server_info::{Identity, Role, ServerInfo};
use crate::settings::Settings;

/// How long the servers at the other addresses have to contradict one that says it is the primary.
/// One that is away must not delay every connection for as long as connecting may take.
const CONTRADICTION: Duration = Duration::from_millis(100);

/// The address and settings that all connections of a bus share.
pub(super) struct Endpoint {
    pub(super) primary: Primary,
    credentials: Source,
    tcp: TcpSettings,
    /// The database of keys.
    database: i64,
    /// In a cluster, told when slots may have moved to other nodes.
    pub(super) moves: Option<Arc<Notify>>,
    name: String,
    connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) max_payload: usize,
    pub(super) failures: Arc<Failures>,
}

/// A connection to a primary.
pub(super) struct Opened {
    pub(super) connection: MultiplexedConnection,
    pub(super) server: ServerInfo,
    /// How often another primary was named before.
    pub(super) changes: u64,
    /// Keeps the connection logged in.
    pub(super) renewal: Option<AbortOnDropHandle<()>>,
}

impl Endpoint {
    /// The server at an address, or a node of a cluster.
    pub(super) fn new(target: &Target, settings: &Settings, cluster: bool) -> Result<Self, Cause> {
        let unusable = |what: String| Cause::Settings(format!("address: {what}").into());
        let address = Address::parse(&target.address).map_err(unusable)?;
        #[cfg(feature = "tls-rustls")]
        if matches!(address.servers[0], ConnectionAddr::TcpTls { .. }) {
            choose_cryptography();
        }
        let names: Vec<_> = address.servers.iter().map(describe).collect();
        let names = names.join(", ");
        let (credentials, login) = match (&target.credentials, address.credentials) {
            (None, given) => {
                let user = given.as_ref().and_then(|given| given.user.as_deref());
                let login = Login::new(user, given.is_some(), Place::Address);
                (Source::Fixed(given), login)
            }
            (Some(source), None) => (source.clone(), Login::new(None, true, Place::Function)),
            (Some(_), Some(_)) => {
                let what = "it has a password, and `BusBuilder::credentials` is given as well; \
                            leave out one of them";
                return Err(unusable(what.to_owned()));
            }
        };
        let failures = Failures {
            address: match &address.service {
                None => names,
                Some(service) => format!("primary `{service}` of the Sentinels at {names}"),
            },
            login,
            namespace: settings.namespace.clone(),
            cluster: cluster.then_some(settings.pubsub),
            tls_scheme: match &address.service {
                Some(_) => "rediss-sentinel://",
                None if cluster => "rediss-cluster://",
                None => "rediss://",
            },
        };
        // The lease detects a silent server. These settings then free its socket.
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(
            TcpKeepalive::new()
                .with_time(Duration::from_secs(10))
                .with_interval(Duration::from_secs(5)),
        );
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(settings.lease);
        let servers = address.servers.into_iter();
        let servers = servers.map(|server| target.tls.at(server).map_err(unusable));
        let mut servers = servers.collect::<Result<Vec<_>, _>>()?;
        let first = servers[0].clone();
        let primary = match address.service {
            None if servers.len() == 1 => Primary::At(servers.remove(0)),
            None => Primary::Among(servers),
            Some(service) => {
                let sentinels = servers.into_iter();
                let sentinels = sentinels.map(|address| sentinel(address, target, &tcp));
                let sentinels = sentinels.collect::<Result<_, _>>().map_err(unusable)?;
                let sentinels = Sentinels::new(sentinels, service, settings.response_timeout);
                Primary::Told {
                    sentinels: Arc::new(sentinels),
                    like: first,
                }
            }
        };
        Ok(Self {
            primary,
            credentials,
            tcp,
            database: address.database,
            moves: None,
            name: settings.name.clone(),
            connect_timeout: settings.connect_timeout,
            response_timeout: settings.response_timeout,
            max_payload: settings.max_payload,
            failures: Arc::new(failures),
        })
    }

    /// The same for another instance.
    pub(super) fn another(&self) -> Self {
        Self {
            primary: self.primary.another(),
            credentials: self.credentials.clone(),
            tcp: self.tcp.clone(),
            name: self.name.clone(),
            failures: Arc::clone(&self.failures),
            moves: None,
            ..*self
        }
    }

    /// The database of keys.
    pub(super) fn database(&self) -> i64 {
        self.database
    }

    /// Where the keys are: the address without credentials, and the database.
    pub(super) fn store(&self) -> String {
        format!("{}/{}", self.failures.address, self.database)
    }

    /// Another node of the cluster, with the same credentials. `moves` is told when slots may have
    /// moved.
    pub(super) fn node(&self, host: &str, port: u16, moves: &Arc<Notify>) -> Self {
        let Primary::At(seed) = &self.primary else {
            unreachable!("a node has one address");
        };
        let address = with_place(seed, host.to_owned(), port);
        Self {
            failures: Arc::new(self.failures.at(describe(&address))),
            primary: Primary::At(address),
            moves: Some(Arc::clone(moves)),
            ..self.another()
        }
    }

    /// The host of a node of a cluster.
    pub(super) fn host(&self) -> &str {
        match &self.primary {
            Primary::At(ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => host,
            _ => "",
        }
    }

    /// In a cluster, tells that slots may have moved.
    pub(super) fn may_have_moved(&self) {
        if let Some(moves) = &self.moves {
            moves.notify_one();
        }
    }

    /// Connects to a primary, logs in and names the connection `name:role`. The runtime that
    /// it is called in drives the connection.
    pub(super) async fn open(
        &self,
        role: &str,
        config: AsyncConnectionConfig,
    ) -> Result<Opened, Cause> {
        let opened = self.reach(role, config).await?;
        match opened.server.role {
            Role::Other(role) => Err(Cause::NotPrimary(role)),
            Role::Primary => Ok(opened),
        }
    }

    /// As [`open`](Self::open), to a server of any role.
    pub(super) async fn reach(
        &self,
        role: &str,
        config: AsyncConnectionConfig,
    ) -> Result<Opened, Cause> {
        let begun = Instant::now();
        let left = || self.connect_timeout.saturating_sub(begun.elapsed());
        let late = || self.failures.timeout("connecting", self.connect_timeout);
        let asked = io_thread::timeout(left(), self.credentials.ask(&self.failures)).await;
        let credentials = asked.unwrap_or_else(|_| Err(late()))?;
        let login = login(credentials.as_ref());
        let found = io_thread::timeout(left(), self.find(&login)).await;
        let (address, changes) = found.unwrap_or_else(|_| Err(late()))?;
        let failures = self.failures.at(describe(&address));
        let connecting = self.connect(role, config, address.clone(), login, &failures);
        let (connection, server) = match io_thread::timeout(left(), connecting).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Err(explained(&failures, &address, &error, left()).await),
            Err(_) if matches!(address, ConnectionAddr::TcpTls { .. }) => {
                let what = "connecting with TLS, which a server without TLS does not answer,";
                return Err(self.failures.timeout(what, self.connect_timeout));
            }
            Err(_) => return Err(late()),
        };
        if changes != self.primary.changes() {
            return Err(failures.cause(&another_server()));
        }
        let limit = self.response_timeout;
        let renewal = (self.credentials).renew(credentials.as_ref(), &connection, limit, &failures);
        Ok(Opened {
            connection,
            server,
            changes,
            renewal,
        })
    }

    /// The address of the primary, and how often another one was named before. Whether it says itself
    /// that it is the primary has to be asked on the connection.
    async fn find(&self, login: &RedisConnectionInfo) -> Result<(ConnectionAddr, u64), Cause> {
        match &self.primary {
            Primary::At(address) => Ok((address.clone(), 0)),
            Primary::Among(addresses) => Ok((self.among(addresses, login).await?, 0)),
            Primary::Told { sentinels, like } => {
                let (master, changes) = sentinels.find().await?;
                Ok((with_place(like, master.host, master.port), changes))
            }
        }
    }

    /// The address whose server says that it is the primary. It is an error if two say so, because
    /// other instances may find the other one.
    async fn among(
        &self,
        addresses: &[ConnectionAddr],
        login: &RedisConnectionInfo,
    ) -> Result<ConnectionAddr, Cause> {
        let asking = |address: &ConnectionAddr| {
            let (address, login) = (address.clone(), login.clone());
            async move {
                let failures = self.failures.at(describe(&address));
                let config = AsyncConnectionConfig::new();
                let asked = self.connect("find", config, address.clone(), login, &failures);
                let answer = asked.await.map_err(|error| failures.cause(&error));
                (address, answer.map(|(_, server)| server))
            }
        };
        let mut all: FuturesUnordered<_> = addresses.iter().map(asking).collect();
        let mut found: Option<(ConnectionAddr, Option<Identity>)> = None;
        let mut failed = Vec::new();
        loop {
            let next = all.next();
            let next = match &found {
                None => next.await,
                Some(_) => io_thread::timeout(CONTRADICTION, next)
                    .await
                    .unwrap_or(None),
            };
            let (address, identity) = match next {
                None => break,
                Some((_, Err(cause))) => {
                    failed.push(cause);
                    continue;
                }
                Some((address, Ok(server))) => match server.role {
                    Role::Primary => (address, server.identity),
                    Role::Other(role) => {
                        failed.push(Cause::NotPrimary(role));
                        continue;
                    }
                },
            };
            match &found {
                None => found = Some((address, identity)),
                // Two names of one server.
                Some((_, known)) if known.is_some() && *known == identity => {}
                Some((first, _)) => {
                    let (first, second) = (describe(first), describe(&address));
                    let what = format!(
                        "address: {first} and {second} both say that they are a primary; expected \
                         one primary and its replicas"
                    );
                    return Err(Cause::Settings(what.into()));
                }
            }
        }
        found
            .map(|(address, _)| address)
            .ok_or_else(|| none(&failed))
    }

    async fn connect(
        &self,
        role: &str,
        config: AsyncConnectionConfig,
        address: ConnectionAddr,
        login: RedisConnectionInfo,
        failures: &Failures,
    ) -> Result<(MultiplexedConnection, ServerInfo), RedisError> {
        let config = config
            // The callers have a timeout that covers every step.
            .set_connection_timeout(None)
            // Callers wait with a limit of their own, because they may have no runtime.
            .set_response_timeout(None);
        let info = info(address, login, &self.tcp)?;
        let client = Client::open(info)?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await?;
        let mut name = redis::cmd("CLIENT");
        name.arg("SETNAME").arg(format!("{}:{role}", self.name));
        let (server, [named]) = server_info::ask(&mut connection, failures, [name]).await?;
        if let Err(error) = named.extract_error() {
            // A connection without a name works as well.
            debug!(%error, "the connection could not be named");
        }
        if self.database != 0 {
            let mut select = redis::cmd("SELECT");
            let select = select.arg(self.database);
            let () = select.query_async(&mut connection).await?;
        }
        Ok((connection, server))
    }
}

/// Why a connection could not be opened. If the server has closed it, the server may say why,
/// within the time that is `left`.
async fn explained(
    failures: &Failures,
    address: &ConnectionAddr,
    error: &RedisError,
    left: Duration,
) -> Cause {
    let refusal = if greeting::may_explain(error) {
        greeting::refusal(address, left).await
    } else {
        None
    };
    let is_plain = matches!(address, ConnectionAddr::Tcp(..));
    match refusal {
        Some(refusal) => failures.refused(&refusal),
        None if is_plain && greeting::may_explain(error) => {
            let scheme = failures.tls_scheme;
            let what = format!("a port for TLS, which ends such connections, needs `{scheme}`");
            Cause::Unreachable(format!("{}: {error}; {what}", failures.address).into())
        }
        None => failures.cause(error),
    }
}

/// Why none of several addresses is the primary.
fn none(failed: &[Cause]) -> Cause {
    // What an operator can mend, before what may pass.
    let passes = |cause: &&Cause| {
        matches!(
            cause,
            Cause::Unreachable(_) | Cause::Timeout(_) | Cause::NotPrimary(_)
        )
    };
    if let Some(cause) = failed.iter().find(|cause| !passes(cause)) {
        return cause.clone();
    }
    let each = failed.iter().map(|cause| match cause {
        Cause::NotPrimary(role) => role.to_string(),
        cause => cause.to_string(),
    });
    let all = each.collect::<Vec<_>>().join("; ").into();
    if failed
        .iter()
        .any(|cause| matches!(cause, Cause::NotPrimary(_)))
    {
        Cause::NotPrimary(all)
    } else {
        Cause::Unreachable(all)
    }
}

fn sentinel(
    address: ConnectionAddr,
    target: &Target,
    tcp: &TcpSettings,
) -> Result<Sentinel, String> {
    let credentials = target.sentinel_credentials.as_ref();
    let user = credentials.and_then(|known| known.user.as_deref());
    let failures = Failures {
        address: format!("Sentinel {}", describe(&address)),
        login: Login::new(user, credentials.is_some(), Place::Sentinels),
        namespace: None,
        cluster: None,
        tls_scheme: "rediss-sentinel://",
    };
    let client = info(address, login(credentials), tcp).and_then(Client::open);
    let client = client.map_err(|error| error.category().to_owned())?;
    Ok(Sentinel { client, failures })
}

fn info(
    address: ConnectionAddr,
    login: RedisConnectionInfo,
    tcp: &TcpSettings,
) -> Result<ConnectionInfo, RedisError> {
    let info = address.into_connection_info()?;
    let info = info.set_redis_settings(login);
    Ok(info.set_tcp_settings(tcp.clone()))
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
