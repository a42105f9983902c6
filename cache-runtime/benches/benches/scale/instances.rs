//! Instances on one server, and on a cluster.

use cache_runtime::Bus;
use support::{Admin, RedisCluster, Server};

use crate::fleet::{Fleet, Rest};
use crate::number::{float, percentile};
use crate::process::{Process, info};
use crate::table::Table;
use crate::{Users, setting, up_to};

const EVENTS: u64 = 30;

/// The instances on the cluster.
const ON_A_CLUSTER: u64 = 100;

pub(crate) async fn run() {
    let one = on_one_server().await;
    let cluster = on_a_cluster().await;
    let mut table = Table::new(
        "instances-each",
        &[
            "primaries",
            "connections to one",
            "commands/s",
            "kB/s in and out",
            "server at rest, % of a core",
            "server's memory, KiB",
            "instance at rest, % of a core",
        ],
    );
    table.row(&one);
    table.row(&cluster);
}

/// What an instance costs a server and itself: a row.
type Each = [f64; 7];

async fn on_one_server() -> Each {
    let server = Server::start().await;
    let admin = server.admin().await;
    let process = Process::of_server(&admin).await;
    let bus = Bus::redis(server.url()).connect().await;
    let users = Users::new(&bus.expect("the server is there"));
    let mut table = Table::new(
        "instances",
        &[
            "instances",
            "until all have evicted, p50, ms",
            "until all have evicted, max, ms",
            "all instances at rest, % of a core",
            "server at rest, % of a core",
            "server's memory, MiB",
            "memory of an instance, KiB",
        ],
    );
    let (mut fleet, mut events) = (Fleet::new(server.url()), 0);
    let before = Before::now(&fleet, &admin).await;
    for number in up_to(setting("INSTANCES", 500), [1, 10, 50, 100, 250]) {
        fleet.grow(number).await;
        let mut times = Vec::new();
        for _ in 0..EVENTS {
            events += 1;
            times.push(fleet.evict(&users, events).await);
        }
        let rest = Rest::measure(&fleet, &admin).await;
        table.row(&[
            float(number),
            percentile(&mut times, 0.5),
            percentile(&mut times, 1.0),
            100.0 * rest.instances,
            100.0 * rest.server,
            process.resident() / f64::from(1 << 20),
            fleet.memory().await / 1024.0,
        ]);
    }
    table.draw(&[&[1, 2], &[3, 4], &[5], &[6]]);
    let each = before.each(1.0, &fleet, &admin).await;
    fleet.end().await;
    each
}

/// One channel is on one primary, so each instance has one link.
async fn on_a_cluster() -> Each {
    let cluster = RedisCluster::start().await;
    let slot = cluster.key_slot("cache:users").await;
    let (primary, _) = cluster.pair(RedisCluster::shard(slot)).await;
    let admin = cluster.node(primary).admin().await;
    let mut fleet = Fleet::new(cluster.url());
    let before = Before::now(&fleet, &admin).await;
    fleet.grow(ON_A_CLUSTER).await;
    let each = before.each(3.0, &fleet, &admin).await;
    fleet.end().await;
    each
}

/// What a server holds and does without instances.
struct Before {
    connections: u64,
    memory: u64,
    rest: Rest,
}

impl Before {
    async fn now(fleet: &Fleet, admin: &Admin) -> Self {
        Self {
            connections: info(admin, "clients", "connected_clients").await,
            memory: info(admin, "memory", "used_memory").await,
            rest: Rest::measure(fleet, admin).await,
        }
    }

    /// What an instance has added.
    async fn each(&self, primaries: f64, fleet: &Fleet, admin: &Admin) -> Each {
        let now = Self::now(fleet, admin).await;
        let all = float(fleet.instances());
        [
            primaries,
            float(now.connections - self.connections) / all,
            (now.rest.commands - self.rest.commands) / all,
            (now.rest.bytes - self.rest.bytes) / 1e3 / all,
            100.0 * (now.rest.server - self.rest.server) / all,
            float(now.memory - self.memory) / 1024.0 / all,
            100.0 * now.rest.instances / all,
        ]
    }
}
