//! Asks a server on a connection for its role and identity.
//!
//! A replica accepts `PUBLISH` and delivers it to its own subscribers only. So a canary that comes
//! back proves nothing unless the server is a primary.

use std::hash::{DefaultHasher, Hash, Hasher};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Value, cmd};

use crate::server_info::{Identity, Role, ServerInfo};

/// The commands that ask. A user may lack the right to `INFO`. Then the identity is unknown.
pub(super) fn question() -> [Cmd; 2] {
    let mut hello = cmd("HELLO");
    hello.arg("3");
    let mut info = cmd("INFO");
    info.arg("server");
    [hello, info]
}

/// The answers to [`question`].
pub(super) fn parse(address: &str, hello: Value, info: Value) -> RedisResult<ServerInfo> {
    let hello = hello.extract_error()?;
    Ok(ServerInfo {
        role: role(address, &hello),
        identity: info.extract_error().ok().and_then(|info| identity(&info)),
    })
}

/// Asks on a connection, together with other commands; returns their answers.
pub(super) async fn ask<const N: usize>(
    connection: &mut MultiplexedConnection,
    address: &str,
    also: [Cmd; N],
) -> RedisResult<(ServerInfo, [Value; N])> {
    let mut pipeline = Pipeline::new();
    for command in question().into_iter().chain(also) {
        pipeline.add_command(command);
    }
    pipeline.ignore_errors();
    let answers: Vec<Value> = pipeline.query_async(connection).await?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(Value::Nil);
    let server = parse(address, next(), next())?;
    Ok((server, std::array::from_fn(|_| next())))
}

fn role(address: &str, hello: &Value) -> Role {
    match field(hello, "role") {
        Some("master") => Role::Primary,
        Some(role) => Role::Other(format!("{role} ({address})").into()),
        // A Sentinel has a mode and no role.
        None => {
            let mode = field(hello, "mode").unwrap_or("server that does not tell its role");
            Role::Other(format!("{mode} ({address})").into())
        }
    }
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

/// The `run_id` of a server differs after every start.
fn identity(info: &Value) -> Option<Identity> {
    let line = |line: &'_ str| line.strip_prefix("run_id:").map(str::to_owned);
    let run_id = text(info)?.lines().find_map(line)?;
    let mut hasher = DefaultHasher::new();
    run_id.trim().hash(&mut hasher);
    Some(Identity(hasher.finish()))
}
