//! Asks a server on a connection for its role and identity.
//!
//! A replica accepts `PUBLISH` and delivers it to its own subscribers only. So a canary that comes
//! back proves nothing unless the server is a primary.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisResult, Value, cmd};

use super::failure::{Failures, no_sharded_pubsub, other_mode};
use super::pipeline::pipeline;
use super::sha1::sha1;
use crate::server_info::{Identity, Role, ServerInfo};

/// The commands that ask. A user may lack the right to `INFO`. Then the identity is unknown.
///
/// A node of a cluster is also asked whether the cluster is up. One that is cut off from most others
/// says that it is not, and still carries the messages of its clients, unless
/// `cluster-allow-pubsubshard-when-down` forbids that.
fn question(cluster: bool) -> impl Iterator<Item = Cmd> {
    // Before Redis 7, one `INFO` takes one section.
    let section = |name: &str| {
        let mut info = cmd("INFO");
        info.arg(name);
        info
    };
    let cluster = cluster.then(|| {
        let mut info = cmd("CLUSTER");
        info.arg("INFO");
        info
    });
    let all = [hello(), section("server"), section("replication")];
    all.into_iter().chain(cluster)
}

/// Asks for the role only. Can be sent at any time.
pub(super) fn hello() -> Cmd {
    let mut hello = cmd("HELLO");
    hello.arg("3");
    hello
}

/// The answers to [`question`].
fn parse(
    failures: &Failures,
    [hello, server, replication]: [Value; 3],
    cluster: Option<Value>,
) -> RedisResult<ServerInfo> {
    let hello = hello.extract_error()?;
    if !matches!(hello, Value::Map(_)) {
        // Without RESP3, no confirmation and no message would be recognized.
        let what = "it answers `HELLO 3` in RESP2, perhaps because a proxy stands in between";
        return Err((ErrorKind::RESP3NotSupported, what).into());
    }
    if (field(&hello, "mode") == Some("cluster")) != failures.is_cluster() {
        return Err(other_mode());
    }
    let mut role = role(&failures.address, &hello);
    if let Some(cluster) = cluster {
        if failures.is_sharded() && is_too_old(field(&hello, "version")) {
            return Err(no_sharded_pubsub());
        }
        let cluster = cluster.extract_error()?;
        if role == Role::Primary && line(&cluster, "cluster_state").as_deref() != Some("ok") {
            role = Role::Other(
                format!("node of a cluster that is down ({})", failures.address).into(),
            );
        }
    }
    Ok(ServerInfo {
        role,
        identity: identity(server, replication),
    })
}

/// Asks on a connection, together with other commands; returns their answers.
pub(super) async fn ask<const N: usize>(
    connection: &mut MultiplexedConnection,
    failures: &Failures,
    also: [Cmd; N],
) -> RedisResult<(ServerInfo, [Value; N])> {
    let (server, mut answers) = ask_with(connection, failures, also).await?;
    let mut next = || answers.next().unwrap_or(Value::Nil);
    Ok((server, std::array::from_fn(|_| next())))
}

/// As [`ask`], with any number of other commands.
pub(super) async fn ask_with(
    connection: &mut MultiplexedConnection,
    failures: &Failures,
    also: impl IntoIterator<Item = Cmd>,
) -> RedisResult<(ServerInfo, std::vec::IntoIter<Value>)> {
    let is_cluster = failures.is_cluster();
    let commands = pipeline(question(is_cluster).chain(also));
    let answers: Vec<Value> = commands.query_async(connection).await?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(Value::Nil);
    let told = [next(), next(), next()];
    let server = parse(failures, told, is_cluster.then(&mut next))?;
    Ok((server, answers))
}

/// The role in the answer to [`hello`].
pub(super) fn role(address: &str, hello: &Value) -> Role {
    let other = match field(hello, "role") {
        Some("master") => return Role::Primary,
        Some(role) => format!("{role} ({address})"),
        // A Sentinel has a mode and no role.
        None => match field(hello, "mode") {
            Some("sentinel") => format!(
                "Sentinel ({address}; an address that asks it is \
                     `redis-sentinel://{address}/NAME`)"
            ),
            Some(mode) => format!("{mode} ({address})"),
            None => format!("server that does not tell its role ({address})"),
        },
    };
    Role::Other(other.into())
}

pub(super) fn field<'a>(hello: &'a Value, name: &str) -> Option<&'a str> {
    let Value::Map(fields) = hello else {
        return None;
    };
    let (_, value) = fields.iter().find(|(field, _)| text(field) == Some(name))?;
    text(value)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

/// Whether a version is known to have no sharded pub/sub, which Redis has since 7.0.
fn is_too_old(version: Option<&str>) -> bool {
    let major = version.and_then(|version| version.split('.').next()?.parse().ok());
    major.is_some_and(|major: u32| major < 7)
}

/// What `INFO` tells under a name.
pub(super) fn line(info: &Value, name: &str) -> Option<String> {
    let mut lines = text(info)?.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned())
}

/// The `run_id` of a server differs after every start, and its `master_replid` after it was a replica.
fn identity(server: Value, replication: Value) -> Option<Identity> {
    let (server, replication) = (
        server.extract_error().ok()?,
        replication.extract_error().ok()?,
    );
    let ids = [
        line(&server, "run_id")?,
        line(&replication, "master_replid")?,
    ];
    // The start of a SHA-1, which scripts can compute on the server.
    let hash = sha1(&ids.concat());
    u64::from_str_radix(&hash[..16], 16).ok().map(Identity)
}

#[cfg(test)]
mod tests {
    use super::is_too_old;

    #[test]
    fn sharded_pubsub_needs_redis_7() {
        for version in ["6.2.14", "4.0.10"] {
            assert!(is_too_old(Some(version)), "{version}");
        }
        for version in ["7.0.15", "9.1.0", "10.0.0", "unknown"] {
            assert!(!is_too_old(Some(version)), "{version}");
        }
        assert!(!is_too_old(None));
    }
}
