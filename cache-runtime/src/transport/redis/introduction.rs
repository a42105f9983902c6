//! Asks a server which software it is.

use std::sync::Arc;

use futures_util::future::try_join_all;
use redis::{RedisResult, Value, cmd};

use super::cluster::Cluster;
use super::commands::{Again, Work};
use super::failure::{About, Failures};
use super::open::Open;
use super::pipeline::pipeline;
use super::server::Redis;
use super::server_info::{field, hello, line};
use crate::health::Cause;
use crate::transport::Introduction;

impl Redis {
    /// What the server says of itself.
    pub(crate) async fn introduce(&self) -> Result<Introduction, Cause> {
        let question = Introducing(&self.endpoint.failures);
        let asked = self.run(&self.publishing, Again::Yes, About::Server, &question);
        asked.await
    }
}

impl Cluster {
    /// What each node says of itself.
    pub(crate) async fn introduce(self: &Arc<Self>) -> Result<Vec<Introduction>, Cause> {
        let map = self.refresh().await?;
        try_join_all(map.nodes().map(|redis| redis.introduce())).await
    }
}

struct Introducing<'a>(&'a Failures);

impl Work for Introducing<'_> {
    type Answer = Introduction;

    async fn run(&self, open: &mut Open) -> RedisResult<Introduction> {
        let mut info = cmd("INFO");
        info.arg("server");
        let commands = pipeline([hello(), info]);
        let answers: [Value; 2] = commands.query_async(&mut open.connection).await?;
        let [hello, info] = answers;
        let hello = hello.extract_error()?;
        Ok(Introduction {
            address: self.0.address.clone(),
            software: software(&hello, info.extract_error().ok().as_ref()),
        })
    }
}

/// The name and the version. `HELLO` may name Redis for what is compatible with it; `INFO`, which a user
/// may lack the right to, tells more.
fn software(hello: &Value, info: Option<&Value>) -> String {
    let told = |name| info.and_then(|info| line(info, name));
    if let Some(version) = told("valkey_version") {
        return format!("Valkey {version}");
    }
    let version = told("redis_version");
    let version = version.or_else(|| field(hello, "version").map(str::to_owned));
    let name = match field(hello, "server") {
        None | Some("redis") => "Redis",
        Some("valkey") => "Valkey",
        Some(other) => other,
    };
    match version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::software;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn software_has_its_own_name_and_version() {
        let hello = |server: &str, version: &str| {
            let fields = [("server", server), ("version", version)];
            Value::Map(fields.map(|(name, value)| (text(name), text(value))).into())
        };
        let redis = hello("redis", "7.2.4");
        let valkey = text("redis_version:7.2.4\r\nvalkey_version:8.1.0\r\n");
        assert_eq!(software(&redis, Some(&valkey)), "Valkey 8.1.0");
        assert_eq!(
            software(&redis, Some(&text("redis_version:7.2.5\r\n"))),
            "Redis 7.2.5"
        );
        assert_eq!(software(&redis, None), "Redis 7.2.4");
        assert_eq!(software(&hello("valkey", "8.0.1"), None), "Valkey 8.0.1");
        assert_eq!(software(&hello("other", "1"), None), "other 1");
        assert_eq!(software(&Value::Map(Vec::new()), None), "Redis");
    }
}
