//! Asks a server on a connection for its role and identity.
//!
//! A replica accepts `PUBLISH` and delivers it to its own subscribers only. So a canary that comes
//! back proves nothing unless the server is a primary.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisResult, Value, cmd};

use super::pipeline::pipeline;
use super::sha1::sha1;
use crate::server_info::{Identity, Role, ServerInfo};

/// The commands that ask. A user may lack the right to `INFO`. Then the identity is unknown.
fn question() -> [Cmd; 3] {
    let mut hello = cmd("HELLO");
    hello.arg("3");
    // Before Redis 7, one `INFO` takes one section.
    let section = |name: &str| {
        let mut info = cmd("INFO");
        info.arg(name);
        info
    };
    [hello, section("server"), section("replication")]
}

/// The answers to [`question`].
fn parse(address: &str, [hello, server, replication]: [Value; 3]) -> RedisResult<ServerInfo> {
    let hello = hello.extract_error()?;
    if !matches!(hello, Value::Map(_)) {
        // Without RESP3, no confirmation and no message would be recognized.
        let what = "it answers `HELLO 3` in RESP2, perhaps because a proxy stands in between";
        return Err((ErrorKind::RESP3NotSupported, what).into());
    }
    Ok(ServerInfo {
        role: role(address, &hello),
        identity: identity(server, replication),
    })
}

/// Asks on a connection, together with other commands; returns their answers.
pub(super) async fn ask<const N: usize>(
    connection: &mut MultiplexedConnection,
    address: &str,
    also: [Cmd; N],
) -> RedisResult<(ServerInfo, [Value; N])> {
    let commands = pipeline(question().into_iter().chain(also));
    let answers: Vec<Value> = commands.query_async(connection).await?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(Value::Nil);
    let server = parse(address, [next(), next(), next()])?;
    Ok((server, std::array::from_fn(|_| next())))
}

fn role(address: &str, hello: &Value) -> Role {
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

fn field<'a>(hello: &'a Value, name: &str) -> Option<&'a str> {
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

/// The `run_id` of a server differs after every start, and its `master_replid` after it was a replica.
fn identity(server: Value, replication: Value) -> Option<Identity> {
    let (server, replication) = (
        server.extract_error().ok()?,
        replication.extract_error().ok()?,
    );
    let line = |info: &Value, name: &str| {
        let mut lines = text(info)?.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned())
    };
    let ids = [
        line(&server, "run_id")?,
        line(&replication, "master_replid")?,
    ];
    // The start of a SHA-1, which scripts can compute on the server.
    let hash = sha1(&ids.concat());
    u64::from_str_radix(&hash[..16], 16).ok().map(Identity)
}
