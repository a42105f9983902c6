//! Plain pub/sub in a cluster, which other programs use at any node.

use cache_runtime::bus::{Cause, Health, PubSub};
use support::{Admin, RedisCluster, eventually, until};

use crate::fixture::{
    Event, Guests, Roles, USERS, Users, Watched, allow_app, builder, live, recovered, watch,
};

/// What the user of a bus needs for events.
const RULES: &str = "+hello +info +client|setname +subscribe +unsubscribe +publish +cluster|slots \
                     +cluster|info +exists ~cache-runtime:* &cache:* &cache-runtime:canary:*";

/// A program without this library publishes at a node until the event is received.
async fn is_heard(cluster: &RedisCluster, node: usize, watched: &Watched, id: u64) {
    let admin = cluster.node(node).admin().await;
    let publish = async || {
        let payload = format!(r#"{{"type":"item","id":{id}}}"#);
        admin.publish("cache:users", &payload).await;
        watched.seen.seen().contains(&Event::Item { id })
    };
    eventually("the plain event", publish, |heard| *heard).await;
}

#[tokio::test]
async fn programs_with_plain_pubsub_hear_and_are_heard_at_any_node() {
    let cluster = RedisCluster::start().await;
    let builder = || builder(&cluster.url()).pubsub(PubSub::Broadcast);
    let here = builder().connect().await.unwrap();
    let there = builder().connect().await.unwrap();
    let (users, guests) = (Users::new(&here), Guests::new(&here));
    let (watched_users, watched_guests) = (watch!(users), watch!(guests));
    live(&here).await;
    assert_eq!(here.health(), Health::LiveAmongInstances);
    assert!(here.health().to_string().contains("other programs"));
    assert_eq!(users.health(), Health::Live);

    let publisher = Users::new(&there);
    recovered!(publisher, watched_users, 1);
    let shard = RedisCluster::shard(USERS);
    let (_connection, plain) = Admin::listen(&cluster.node(0).url(), "cache:users").await;
    let hears = async |id: u64| {
        let publish = async || {
            publisher.invalidate_item(id).await.unwrap();
            let expected = format!(r#"{{"type":"item","id":{id}}}"#);
            plain.seen().contains(&expected)
        };
        eventually("the plain subscriber to hear", publish, |heard| *heard).await;
    };
    for node in 0..3 {
        is_heard(&cluster, node, &watched_users, 10 + node as u64).await;
    }
    hears(20).await;

    // A slot that moves takes its channel along, without a word from the node.
    let to = (shard + 1) % 3;
    let between = async || recovered!(publisher, watched_users, 30);
    cluster.migrate(USERS, shard, to, between).await;
    recovered!(publisher, watched_users, 31);
    assert!(watched_users.flushes() > 0);
    is_heard(&cluster, shard, &watched_users, 32).await;
    hears(33).await;
    cluster.migrate(USERS, to, shard, async || ()).await;
    recovered!(publisher, watched_users, 34);
    live(&here).await;
    assert_eq!(
        watched_guests.flushes(),
        0,
        "{:?}",
        watched_guests.seen.seen()
    );
}

/// The node accepts and delivers publications of the channel also after it has lost the slot. An
/// instance that does not learn of that from the other nodes learns it with the next canary.
#[tokio::test]
async fn a_canary_tells_that_the_slot_has_moved() {
    let cluster = RedisCluster::start().await;
    let address = allow_app(&cluster, RULES).await;
    let broadcast = |address: &str| builder(address).pubsub(PubSub::Broadcast);
    let here = broadcast(&address).connect().await.unwrap();
    let there = broadcast(&cluster.url()).connect().await.unwrap();
    let (roles, users) = (Roles::new(&here), Users::new(&here));
    // So the canary is in another slot.
    let (watched_roles, watched_users) = (watch!(roles), watch!(users));
    recovered!(Users::new(&there), watched_users, 1);
    recovered!(Roles::new(&there), watched_roles, 2);

    allow_app(&cluster, &RULES.replace("+cluster|slots", "")).await;
    let shard = RedisCluster::shard(USERS);
    let mut health = users.watch_health();
    cluster.migrate(USERS, shard, 2, async || ()).await;
    let moved = |health: &Health| matches!(health, Health::Down(Cause::Moved(_)));
    until("the slot to be missed", &mut health, moved).await;
    // The others of the node recover, although this one does not.
    let mut others = roles.watch_health();
    until("the other channel to be live", &mut others, Health::is_live).await;
    recovered!(Roles::new(&there), watched_roles, 3);
    assert!(!users.health().is_live());
    allow_app(&cluster, RULES).await;
    recovered!(Users::new(&there), watched_users, 4);
    assert!(watched_users.flushes() > 0);
    live(&here).await;
}
