//! An address, and what is wrong with it, in one sentence for each fault.
//!
//! No message quotes the address, because a part of a password may stand where another part is
//! expected. Only where a port or a database belongs behind the last `@` is known.

#[cfg(test)]
mod tests;

use super::credentials::Credentials;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// The schemes of addresses, with TLS or without.
const SCHEMES: [&str; 11] = [
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "redis-sentinel",
    "rediss-sentinel",
    "valkey-sentinel",
    "valkeys-sentinel",
    "redis+unix",
    "valkey+unix",
    "unix",
];

/// What the scheme of an address of Sentinels ends with.
const SENTINEL: &str = "-sentinel";

/// The port of a Sentinel whose address has none.
const SENTINEL_PORT: u16 = 26379;

/// What a password or a user name may not contain, and what to write instead.
const RESERVED: [(char, &str); 3] = [('#', "%23"), ('?', "%3F"), ('/', "%2F")];

/// An address, taken apart.
pub(super) struct Address {
    /// The servers or the Sentinels, at least one.
    pub(super) servers: Vec<ConnectionAddr>,
    /// The name by which the Sentinels know the primary. `None` if these are the servers.
    pub(super) service: Option<String>,
    /// The database of keys.
    pub(super) database: i64,
    pub(super) credentials: Option<Credentials>,
}

/// The part of an address on the network behind its `//`.
struct Network<'a> {
    /// The user name and the password, as they are written, with the `@`.
    login: &'a str,
    /// At least one host with its port, if it has one.
    hosts: Vec<&'a str>,
    /// What is behind the first `/`.
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

impl Address {
    /// The error says what is wrong with the address, and what to write instead.
    pub(super) fn parse(address: &str) -> Result<Self, String> {
        let address = address.trim();
        if address.is_empty() {
            return Err("it is empty; expected `redis://host:port`".to_owned());
        }
        let (scheme, rest) = match address.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => {
                return Err(
                    "it begins with no scheme that is known; expected `redis://host:port`, \
                     `rediss://…`, `redis-sentinel://host:port/service`, \
                     `redis-cluster://host:port` or `redis+unix:///path`"
                        .to_owned(),
                );
            }
        };
        if scheme.ends_with("unix") {
            return unix(&scheme, rest, address);
        }
        let base = scheme.trim_end_matches(SENTINEL);
        let is_sentinel = base != scheme;
        let Some(rest) = rest.strip_prefix("//") else {
            return Err(format!("expected `{scheme}://host:port`"));
        };
        if matches!(base, "rediss" | "valkeys") && !has_tls() {
            return Err(format!(
                "`{scheme}://` needs TLS, which this program is built without; enable the feature \
                 `tls-rustls` or `tls-native-tls` of `cache-runtime`"
            ));
        }
        let network = Network::of(rest)?;
        let (path, database) = (network.path.trim_matches('/'), network.database()?);
        let (service, database) = if is_sentinel {
            (Some(service(&scheme, path)?), database.unwrap_or(0))
        } else {
            (None, one_database(path, database)?)
        };
        let mut parsed = Self {
            servers: Vec::new(),
            service,
            database,
            credentials: None,
        };
        for host in &network.hosts {
            let port = port(&scheme, host)?;
            let default = (is_sentinel && port.is_none()).then(|| format!(":{SENTINEL_PORT}"));
            let (default, login) = (default.unwrap_or_default(), network.login);
            let fragment = network.fragment;
            let info = client(&format!("{base}://{login}{host}{default}{fragment}"))?;
            parsed.add(&info);
        }
        Ok(parsed)
    }

    fn add(&mut self, info: &ConnectionInfo) {
        let given = info.redis_settings();
        // An address without a password may have the password in the place of the user name.
        let credentials = |password| Credentials::new(given.username().unwrap_or(""), password);
        self.credentials = given.password().map(credentials);
        self.servers.push(info.addr().clone());
    }
}

/// A known scheme. Others are not shown: they may be a user name.
fn is_scheme(scheme: &str) -> bool {
    SCHEMES
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

fn has_tls() -> bool {
    cfg!(any(feature = "tls-rustls", feature = "tls-native-tls"))
}

/// What the client makes of an address. The error has no detail, which may quote the address, and
/// with it the password.
fn client(address: &str) -> Result<ConnectionInfo, String> {
    let info = address.into_connection_info();
    info.map_err(|error| error.category().to_owned())
}

fn unix(scheme: &str, rest: &str, address: &str) -> Result<Address, String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let has_path = path.trim_start_matches('/').len() < path.len() && path.len() > 1;
    let has_host = path.starts_with("//") && !path.starts_with("///");
    if !has_path || has_host {
        return Err(format!(
            "a Unix socket needs an absolute path; expected `{scheme}:///path/to/socket`"
        ));
    }
    let mut address_parsed = Address {
        servers: Vec::new(),
        service: None,
        database: parameter(query)?.unwrap_or(0),
        credentials: None,
    };
    address_parsed.add(&client(address)?);
    Ok(address_parsed)
}

impl<'a> Network<'a> {
    fn of(rest: &'a str) -> Result<Self, String> {
        let login = rest.rfind('@').map_or(0, |at| at + 1);
        let (login, server) = rest.split_at(login);
        for (reserved, instead) in RESERVED {
            if login.contains(reserved) {
                return Err(format!(
                    "the user name or the password contains `{reserved}`; percent-encode it, as \
                     `{instead}`"
                ));
            }
        }
        if login.matches('@').count() > 1 && login.contains(',') {
            return Err(
                "more than one server has a user name or a password; expected them once, as in \
                 `redis://user:password@host1:port,host2:port` (in a password, `@` is `%40` and `,` \
                 is `%2C`)"
                    .to_owned(),
            );
        }
        let end = server.find(['/', '?', '#']).unwrap_or(server.len());
        let (hosts, after) = server.split_at(end);
        let (after, fragment) = after.split_at(after.find('#').unwrap_or(after.len()));
        let (path, query) = after.split_once('?').unwrap_or((after, ""));
        Ok(Self {
            login,
            hosts: hosts.split(',').map(str::trim).collect(),
            path,
            query,
            fragment,
        })
    }

    /// The database that the query names.
    fn database(&self) -> Result<Option<i64>, String> {
        parameter(self.query)
    }
}

/// The database that a query names.
fn parameter(query: &str) -> Result<Option<i64>, String> {
    let mut database = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("db", number) => database = Some(number_of_database(number)?),
            // The protocol is always RESP3. A Unix socket has the login in the query.
            ("protocol" | "user" | "pass", _) => {}
            _ => {
                return Err(
                    "a parameter behind the `?` is not known; expected `db`, as in `?db=3`"
                        .to_owned(),
                );
            }
        }
    }
    Ok(database)
}

fn number_of_database(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| {
        "the database behind the host is not a number from 0 on; expected `/3` or `?db=3`"
            .to_owned()
    })
}

/// The database that the path or the query names.
fn one_database(path: &str, query: Option<i64>) -> Result<i64, String> {
    if path.is_empty() {
        return Ok(query.unwrap_or(0));
    }
    let database = number_of_database(path)?;
    if query.is_some_and(|query| query != database) {
        return Err("it names two databases; expected either `/3` or `?db=3`".to_owned());
    }
    Ok(database)
}

/// The name by which the Sentinels know the primary.
fn service(scheme: &str, path: &str) -> Result<String, String> {
    let spelled = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if path.is_empty() {
        return Err(format!(
            "the name by which the Sentinels know the primary is missing; expected \
             `{scheme}://host1:{SENTINEL_PORT},host2:{SENTINEL_PORT}/NAME` (`SENTINEL MASTERS` lists \
             the names)"
        ));
    }
    if !path.chars().all(spelled) {
        return Err(
            "the name behind the hosts, by which the Sentinels know the primary, contains something \
             else than letters, digits, `-`, `_`, `.` and `:`"
                .to_owned(),
        );
    }
    Ok(path.to_owned())
}

/// The port of a host, if it has one.
fn port(scheme: &str, host: &str) -> Result<Option<u16>, String> {
    let port = match host.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((_, port)) => port.strip_prefix(':').unwrap_or(port),
            None => {
                return Err(format!(
                    "a `]` is missing; expected `{scheme}://[::1]:6379`"
                ));
            }
        },
        None => match host.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(format!(
                    "there is more than one `:` in the place of the host and the port; expected a \
                     password as in `{scheme}://user:password@host`, and an IPv6 address as in \
                     `{scheme}://[::1]:6379`"
                ));
            }
            Some((_, port)) => port,
            None => "",
        },
    };
    if host.is_empty() || host.starts_with(':') {
        return Err(format!(
            "the host is missing; expected `{scheme}://user:password@host:port`"
        ));
    }
    if port.is_empty() {
        return Ok(None);
    }
    let number = port.parse().ok().filter(|port| *port > 0);
    let number = number.ok_or("the port is not a number from 1 to 65535")?;
    Ok(Some(number))
}

/// An address for messages, without credentials.
pub(super) fn describe(address: &ConnectionAddr) -> String {
    let of = |host: &str, port| {
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    };
    match address {
        ConnectionAddr::Tcp(host, port) => of(host, port),
        ConnectionAddr::TcpTls { host, port, .. } => format!("{} (TLS)", of(host, port)),
        ConnectionAddr::Unix(path) => path.display().to_string(),
        _ => "an unknown address".to_owned(),
    }
}
