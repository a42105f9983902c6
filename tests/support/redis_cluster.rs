//! A Redis Cluster: three primaries, each with a replica.

use std::ops::RangeInclusive;
use std::process::Command;

use crate::port::Port;
use crate::process::server_binary;
use crate::{Admin, Server, eventually};

/// Three primaries with the numbers 0 to 2, and the replica of each with a number that is 3 higher.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Server>,
    ids: Vec<String>,
    /// None before Redis 7.
    bus_ports: Vec<Option<Port>>,
}

/// The number of primaries.
const SHARDS: usize = 3;

const SLOTS: usize = 16384;

fn slots(shard: usize) -> RangeInclusive<usize> {
    // As `shard` divides: the slots for which `slot * 3 / 16384` is the shard.
    (shard * SLOTS).div_ceil(SHARDS)..=((shard + 1) * SLOTS).div_ceil(SHARDS) - 1
}

/// Whether the port of the cluster bus can be set. Otherwise it is the server's and 10,000, and a server
/// that finds it in use starts on another port.
fn has_bus_port() -> bool {
    let version = Command::new(server_binary()).arg("--version").output();
    let version = version.expect("the server's version").stdout;
    let version = String::from_utf8_lossy(&version).into_owned();
    let major = version
        .split_once("v=")
        .and_then(|(_, rest)| rest.split_once('.'));
    let major = major.and_then(|(major, _)| major.parse::<u32>().ok());
    major.expect("a version") >= 7
}

impl RedisCluster {
    /// Starts the servers, and waits until they are a cluster.
    ///
    /// # Panics
    ///
    /// If they do not become one.
    pub async fn start() -> Self {
        // A busy machine must not make a shard fail over.
        Self::start_with("15000").await
    }

    /// As [`start`](Self::start). A shard fails over about a second after its primary fell silent.
    ///
    /// # Panics
    ///
    /// If they do not become one.
    pub async fn start_to_fail_over() -> Self {
        Self::start_with("700").await
    }

    async fn start_with(node_timeout: &'static str) -> Self {
        let mut starting = Vec::new();
        for _ in 0..2 * SHARDS {
            starting.push(tokio::spawn(async move {
                let port = has_bus_port().then(Port::reserve);
                let mut server = Server::builder();
                if let Some(port) = &port {
                    server = server.option("cluster-port", &port.number().to_string());
                }
                let server = server
                    .option("cluster-enabled", "yes")
                    .option("cluster-node-timeout", node_timeout)
                    .option("cluster-require-full-coverage", "no")
                    .option("cluster-allow-replica-migration", "no")
                    .option("cluster-replica-validity-factor", "0")
                    .option("repl-diskless-sync-delay", "0");
                (server.start().await, port)
            }));
        }
        let (mut nodes, mut bus_ports) = (Vec::new(), Vec::new());
        for started in starting {
            let (node, port) = started.await.expect("it started");
            nodes.push(node);
            bus_ports.push(port);
        }
        let mut cluster = Self {
            nodes,
            ids: Vec::new(),
            bus_ports,
        };
        cluster.form().await;
        cluster
    }

    async fn form(&mut self) {
        let mut meet = ["CLUSTER", "MEET", "127.0.0.1"].map(str::to_owned).to_vec();
        meet.push(self.nodes[0].port().to_string());
        let bus_port = self.bus_ports[0].as_ref();
        meet.extend(bus_port.map(|port| port.number().to_string()));
        let meet: Vec<_> = meet.iter().map(String::as_str).collect();
        for (number, node) in self.nodes.iter().enumerate() {
            let admin = node.admin().await;
            self.ids.push(admin.run(&["CLUSTER", "MYID"]).await);
            let epoch = (number + 1).to_string();
            admin
                .run::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch])
                .await;
            if number < SHARDS {
                let slots: Vec<_> = slots(number).map(|slot| slot.to_string()).collect();
                let mut add = vec!["CLUSTER", "ADDSLOTS"];
                add.extend(slots.iter().map(String::as_str));
                admin.run::<()>(&add).await;
            }
            if number > 0 {
                admin.run::<()>(&meet).await;
            }
        }
        for (number, node) in self.nodes.iter().enumerate().skip(SHARDS) {
            let admin = node.admin().await;
            let primary = &self.ids[number - SHARDS];
            let follow = async || {
                admin
                    .try_run::<()>(&["CLUSTER", "REPLICATE", primary])
                    .await
            };
            eventually("the replica to know its primary", follow, Result::is_ok)
                .await
                .expect("it knows it");
        }
        for number in 0..2 * SHARDS {
            let says = async || {
                let admin = self.nodes[number].admin().await;
                let nodes: String = admin.run(&["CLUSTER", "NODES"]).await;
                let info: String = admin.run(&["CLUSTER", "INFO"]).await;
                let replication: String = admin.run(&["INFO", "replication"]).await;
                (nodes, info, replication)
            };
            let whole = |(nodes, info, replication): &(String, String, String)| {
                let ready = number < SHARDS || replication.contains("master_link_status:up");
                ready
                    && info.contains("cluster_state:ok")
                    && info.contains("cluster_size:3")
                    && nodes.matches(" slave ").count() + nodes.matches(",slave ").count() == SHARDS
            };
            eventually("the cluster to be whole", says, whole).await;
        }
    }

    /// The `redis-cluster://` address, which names two of the nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let [first, second] = [&self.nodes[2], &self.nodes[4]].map(Server::port);
        format!("redis-cluster://127.0.0.1:{first},127.0.0.1:{second}")
    }

    /// The number of the primary that served the slot of a name at the start.
    #[must_use]
    pub fn shard(slot: usize) -> usize {
        slot * SHARDS / SLOTS
    }

    /// The slot of a key or a channel.
    ///
    /// # Panics
    ///
    /// If the node does not answer.
    pub async fn key_slot(&self, name: &str) -> usize {
        self.nodes[2]
            .admin()
            .await
            .run(&["CLUSTER", "KEYSLOT", name])
            .await
    }

    /// A node.
    #[must_use]
    pub fn node(&self, number: usize) -> &Server {
        &self.nodes[number]
    }

    /// Kills a node.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].kill9();
    }

    /// Starts a node that was killed. It follows the node that has taken over.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn restart(&mut self, number: usize) {
        self.nodes[number].restart().await;
    }

    /// Waits until one of the two nodes of a shard is the primary, and the other is in step with it;
    /// returns the numbers of both.
    ///
    /// # Panics
    ///
    /// If that does not happen.
    pub async fn pair(&self, shard: usize) -> (usize, usize) {
        let roles = async || {
            let mut roles = Vec::new();
            for number in [shard, shard + SHARDS] {
                let admin = self.nodes[number].try_admin().await.ok()?;
                let info = ["INFO", "replication"];
                let info: String = admin.try_run(&info).await.ok()?;
                let replica = info.contains("role:slave");
                let in_step = !replica || info.contains("master_link_status:up");
                roles.push(in_step.then_some((replica, number))?);
            }
            // The primary first.
            roles.sort_unstable();
            let [(primary, first), (replica, second)] = roles[..] else {
                return None;
            };
            (!primary && replica).then_some((first, second))
        };
        let pair = eventually("a primary and a replica", roles, Option::is_some).await;
        pair.expect("it is known")
    }

    /// Waits until a node serves slots as a primary.
    ///
    /// # Panics
    ///
    /// If it does not become one.
    pub async fn promoted(&self, number: usize) {
        let admin = self.nodes[number].admin().await;
        let says = async || admin.run::<String>(&["CLUSTER", "NODES"]).await;
        let primary = |nodes: &String| {
            let own = nodes.lines().find(|line| line.contains("myself"));
            // After eight fields, the slots.
            let serves = |own: &str| own.split(' ').nth(8).is_some();
            own.is_some_and(|own| own.contains("myself,master") && serves(own))
        };
        eventually("the replica to take over", says, primary).await;
    }

    /// Moves a slot with its keys from one primary to another, which takes several steps. Calls
    /// `between` before the last.
    ///
    /// # Panics
    ///
    /// If a node refuses a step.
    pub async fn migrate(&self, slot: usize, from: usize, to: usize, between: impl AsyncFnOnce()) {
        let (source, target) = (self.nodes[from].admin().await, self.nodes[to].admin().await);
        let slot = slot.to_string();
        let set = async |admin: &Admin, what: &[&str]| {
            let command = [&["CLUSTER", "SETSLOT", &slot], what].concat();
            admin.run::<()>(&command).await;
        };
        set(&target, &["IMPORTING", &self.ids[from]]).await;
        set(&source, &["MIGRATING", &self.ids[to]]).await;
        let port = self.nodes[to].port().to_string();
        loop {
            let list = ["CLUSTER", "GETKEYSINSLOT", &slot, "100"];
            let keys: Vec<String> = source.run(&list).await;
            if keys.is_empty() {
                break;
            }
            let mut command = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            command.extend(keys.iter().map(String::as_str));
            source.run::<String>(&command).await;
        }
        between().await;
        set(&target, &["NODE", &self.ids[to]]).await;
        set(&source, &["NODE", &self.ids[to]]).await;
    }
}
