//! In a Redis Cluster, a shard fails over, and slots move with their keys.

use std::time::Duration;

use support::{RedisCluster, in_turn, role};

use super::READS;
use crate::place::Place;
use crate::reader;
use crate::run::{Run, duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Planned,
    Frozen,
    Killed,
    /// The slot of the channel goes to another shard.
    MovedChannel,
    /// A slot with entries goes to another shard.
    MovedKeys,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_too_old_while_shards_fail_over_and_slots_move() {
    if role().is_some() {
        return reader::play().await;
    }
    let mut run = Run::new(
        "topologies::redis_cluster::no_read_is_too_old_while_shards_fail_over_and_slots_move",
    );
    let mut cluster = RedisCluster::start_to_fail_over().await;
    let place = Place::at(cluster.url());
    run.start(&[("reader", &place)], &place, READS).await;
    let channel = cluster.key_slot("cache:items").await;
    let mut shard = RedisCluster::shard(channel);
    let faults = [
        Fault::Planned,
        Fault::MovedKeys,
        Fault::Frozen,
        Fault::MovedChannel,
        Fault::Killed,
    ];
    let caused = in_turn(faults, duration(Duration::ZERO), async |fault| {
        let (primary, replica) = cluster.pair(shard).await;
        let next = (shard + 1) % 3;
        let (other, _) = cluster.pair(next).await;
        run.calm().await;
        run.step(format_args!("node {primary} is the primary"));
        run.fault(fault);
        match fault {
            Fault::Planned => {
                let admin = cluster.node(replica).admin().await;
                admin.run::<()>(&["CLUSTER", "FAILOVER"]).await;
                cluster.promoted(replica).await;
                run.step(format_args!("node {replica} is the primary"));
            }
            Fault::Frozen => {
                cluster.node(primary).freeze();
                cluster.promoted(replica).await;
                run.step(format_args!("node {replica} is the primary"));
                cluster.node(primary).thaw();
            }
            Fault::Killed => {
                cluster.kill(primary);
                cluster.promoted(replica).await;
                run.step(format_args!("node {replica} is the primary"));
                cluster.restart(primary).await;
            }
            Fault::MovedChannel => {
                cluster.migrate(channel, primary, other, async || ()).await;
                run.step(format_args!("the slot of the channel is on node {other}"));
                shard = next;
            }
            Fault::MovedKeys => {
                let admin = cluster.node(primary).admin().await;
                let entries = ["KEYS", "cache-runtime:coherent:{items*"];
                let entries: Vec<String> = admin.run(&entries).await;
                let entry = entries.first().expect("entries are on every shard");
                let slot = cluster.key_slot(entry).await;
                cluster.migrate(slot, primary, other, async || ()).await;
                run.step(format_args!("slot {slot} is on node {other}"));
            }
        }
    })
    .await;
    run.end_of_losses(&caused).await;
}
