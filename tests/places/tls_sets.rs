//! TLS with Sentinels, and in a Redis Cluster: every connection uses it, to the Sentinels and to each of
//! the servers that they name.

use std::time::Duration;

use cache_runtime::RedisCache;
use cache_runtime::bus::BusBuilder;
use support::{RedisCluster, SentinelSet, Server, eventually};

use crate::fixture::{Instance, UserEvent, builder};
use crate::front::{AUTHORITY, Front, Led, NODE};

/// TLS in front of a server. The servers and Sentinels go on without it among each other.
async fn in_front_of(port: u16) -> Led {
    let front = Front {
        own: NODE,
        wants_client: false,
        takes_plain: true,
    };
    front.of(port).await
}

fn at(scheme: &str, places: &[&Led], rest: &str) -> BusBuilder {
    let hosts = places.iter().map(|led| format!("127.0.0.1:{}", led.port));
    let hosts = hosts.collect::<Vec<_>>().join(",");
    // Nothing is to be given up here, and handshakes take long on a busy machine.
    builder(&format!("{scheme}://{hosts}{rest}"))
        .tls_authority(AUTHORITY)
        .connect_timeout(Duration::from_secs(10))
        .response_timeout(Duration::from_secs(10))
}

/// Checks that every connection of an instance to this server uses TLS; returns how many there are.
async fn uses_tls(server: &Server, led: &Led) -> usize {
    let clients = server.admin().await.clients().await.into_iter();
    let ours = clients.filter(|client| client.get("name").contains(':'));
    let ours = ours.count();
    assert!(ours <= led.with_tls(), "{ours} connections");
    ours
}

/// An event reaches the reader, and a value its store.
async fn works(writer: &Instance, reader: &Instance, user_id: u64) {
    let event = UserEvent::User { user_id };
    let received = async || {
        let published = writer.users.publish(&event).await;
        published.is_ok() && reader.handler.seen().contains(&event)
    };
    eventually("the event", received, |received| *received).await;

    let texts = RedisCache::<u64>::builder(&writer.bus, "texts", Duration::from_secs(60));
    let texts = texts.build().unwrap();
    let key = user_id.to_string();
    let insert = async || texts.insert(&key, user_id).await;
    eventually("the store", insert, Result::is_ok)
        .await
        .unwrap();
    assert_eq!(texts.get(&key).await.unwrap(), Some(user_id));
}

#[tokio::test]
async fn sentinels_and_the_primaries_that_they_name_are_reached_with_tls() {
    let set = SentinelSet::start().await;
    let mut servers = Vec::new();
    for server in &set.servers {
        servers.push(in_front_of(server.port()).await);
    }
    let primary = servers[0].port.to_string();
    for (server, led) in set.servers.iter().zip(&servers).skip(1) {
        let admin = server.admin().await;
        let port = led.port.to_string();
        let announce = ["CONFIG", "SET", "replica-announce-port", &port];
        admin.run::<()>(&announce).await;
        let follow = ["REPLICAOF", "127.0.0.1", &primary];
        admin.run::<()>(&follow).await;
    }
    set.monitor(servers[0].port).await;
    let mut sentinels = Vec::new();
    for port in set.ports() {
        sentinels.push(in_front_of(port).await);
    }

    let all: Vec<_> = sentinels.iter().collect();
    let address = || at("rediss-sentinel", &all, "/main");
    let (writer, reader) = (
        Instance::start(address()).await,
        Instance::start(address()).await,
    );
    works(&writer, &reader, 1).await;
    assert!(uses_tls(&set.servers[0], &servers[0]).await >= 4);
    assert!(sentinels.iter().all(|led| led.with_tls() > 0));
}

fn timeout(milliseconds: &str) -> [&str; 4] {
    ["CONFIG", "SET", "cluster-node-timeout", milliseconds]
}

#[tokio::test]
async fn redis_cluster_nodes_are_reached_with_tls() {
    let cluster = RedisCluster::start().await;
    let mut nodes = Vec::new();
    for number in 0..6 {
        let node = cluster.node(number);
        let admin = node.admin().await;
        let led = in_front_of(node.port()).await;
        let announced = led.port.to_string();
        let announce = ["CONFIG", "SET", "cluster-announce-port", &announced];
        admin.run::<()>(&announce).await;
        // They tell each other within half of this time.
        admin.run::<()>(&timeout("2000")).await;
        nodes.push(led);
    }
    for number in 0..6 {
        let admin = cluster.node(number).admin().await;
        let list = async || admin.run::<String>(&["CLUSTER", "NODES"]).await;
        let all = |list: &String| {
            let known = |led: &Led| list.contains(&format!(" 127.0.0.1:{}@", led.port));
            nodes.iter().all(known)
        };
        eventually("all announced ports to be known", list, all).await;
    }
    for number in 0..6 {
        let admin = cluster.node(number).admin().await;
        admin.run::<()>(&timeout("15000")).await;
    }

    let address = || at("rediss-cluster", &[&nodes[2], &nodes[4]], "");
    let (writer, reader) = (
        Instance::start(address()).await,
        Instance::start(address()).await,
    );
    // The keys are on different nodes.
    for user_id in 1..=8 {
        works(&writer, &reader, user_id).await;
    }
    let mut ours = 0;
    for (number, led) in nodes.iter().enumerate() {
        ours += uses_tls(cluster.node(number), led).await;
    }
    assert!(ours >= 4, "{ours} connections");
}
