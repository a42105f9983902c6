//! Two instances of a service, each with a bus of its own: in this process, or over Redis.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "included as a private module, and not every example uses all of it"
)]

use std::error::Error;
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, process};

use cache_runtime::Bus;
use redis::AsyncCommands;

/// The buses of two instances, A and B.
pub struct Instances {
    pub a: Bus,
    pub b: Bus,
    redis: Option<Redis>,
}

/// The server that both instances use, and the namespace of their channels and keys.
struct Redis {
    url: String,
    namespace: String,
}

impl Instances {
    /// Builds both buses in this process, or over Redis with `--redis URL`, and prints which.
    pub async fn from_arguments(example: &str) -> Result<Self, Box<dyn Error>> {
        let arguments: Vec<String> = env::args().skip(1).collect();
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => {
                println!(
                    "Two instances, A and B, in this process. Over Redis: -- --redis \
                     redis://127.0.0.1"
                );
                // Another instance behaves like another process.
                let a = Bus::in_process();
                let b = a.another_instance();
                Ok(Self { a, b, redis: None })
            }
            ["--redis", url] => Self::over_redis(example, url).await,
            _ => Err(format!("usage: {example} [--redis redis://host:port]").into()),
        }
    }

    async fn over_redis(example: &str, url: &str) -> Result<Self, Box<dyn Error>> {
        // A namespace for each run, so that keys of another run are not found.
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let namespace = format!("example:{example}-{}-{}", now.as_secs(), process::id());
        let bus = || Bus::redis(url).namespace(&namespace);
        let a = bus().name(format!("{example}-A")).connect().await?;
        let b = bus().name(format!("{example}-B")).connect().await?;
        println!("Two instances, A and B, over Redis. Their keys begin with {namespace}:");
        let redis = Some(Redis {
            url: url.to_owned(),
            namespace,
        });
        Ok(Self { a, b, redis })
    }

    /// Closes both buses, and deletes what they have left in Redis.
    pub async fn close(self) -> Result<(), Box<dyn Error>> {
        self.a.close().await;
        self.b.close().await;
        let Some(Redis { url, namespace }) = self.redis else {
            return Ok(());
        };
        let client = redis::Client::open(url)?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut left = Vec::new();
        {
            let mut keys = connection
                .scan_match::<_, String>(format!("{namespace}:*"))
                .await?;
            while let Some(key) = keys.next_item().await {
                left.push(key?);
            }
        }
        if !left.is_empty() {
            let _: u64 = connection.del(left).await?;
        }
        Ok(())
    }
}

/// The bus of an instance that starts while Redis is down: nothing listens at its address.
pub fn without_redis() -> Result<Bus, Box<dyn Error>> {
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    Ok(Bus::redis(format!("redis://{free}")).connect_lazy()?)
}
