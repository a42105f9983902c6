//! A shard fails over: its channels are lost and flushed, and those of the other shards stay live.

use cache_runtime::bus::Health;
use support::{RedisCluster, eventually, until};

use crate::fixture::{Guests, Roles, Teams, Users, connect, live, recovered, watch};

#[tokio::test]
async fn only_the_shard_that_fails_over_is_flushed() {
    let mut cluster = RedisCluster::start_to_fail_over().await;
    let (here, there) = (connect(&cluster.url()).await, connect(&cluster.url()).await);
    let users = Users::new(&here);
    let (guests, teams, roles) = (Guests::new(&here), Teams::new(&here), Roles::new(&here));
    let publish_users = Users::new(&there);
    let (watched_users, watched_roles) = (watch!(users), watch!(roles));
    let (watched_guests, watched_teams) = (watch!(guests), watch!(teams));
    live(&here).await;
    recovered!(publish_users, watched_users, 1);
    recovered!(Guests::new(&there), watched_guests, 2);
    recovered!(Teams::new(&there), watched_teams, 3);
    recovered!(Roles::new(&there), watched_roles, 4);
    assert_eq!(
        watched_users.flushes() + watched_guests.flushes() + watched_teams.flushes(),
        0
    );

    // In order: the replica asks the primary to step down.
    let mut health = users.watch_health();
    println!("node 1 is the primary of `cache:users`, node 4 its replica");
    let replica = cluster.node(4).admin().await;
    replica.run::<()>(&["CLUSTER", "FAILOVER"]).await;
    cluster.promoted(4).await;
    println!("node 4 has taken over in order");
    watched_users.flushed(0).await;
    until("the channel to be live", &mut health, Health::is_live).await;
    recovered!(publish_users, watched_users, 10);
    recovered!(Roles::new(&there), watched_roles, 11);

    // By a freeze of the new primary. Its connections stay open.
    let says = async || {
        cluster
            .node(1)
            .admin()
            .await
            .run::<String>(&["INFO", "replication"])
            .await
    };
    let follows = |info: &String| info.contains("master_link_status:up");
    eventually("the old primary to follow", says, follows).await;
    let flushes = watched_users.flushes();
    cluster.node(4).freeze();
    println!("node 4 is frozen");
    watched_users.flushed(flushes).await;
    cluster.promoted(1).await;
    println!("node 1 has taken over");
    recovered!(publish_users, watched_users, 20);
    cluster.node(4).thaw();
    println!("node 4 goes on");
    eventually(
        "the frozen primary to follow",
        async || {
            cluster
                .node(4)
                .admin()
                .await
                .run::<String>(&["INFO", "replication"])
                .await
        },
        follows,
    )
    .await;
    recovered!(publish_users, watched_users, 21);

    // By a kill.
    let flushes = watched_users.flushes();
    cluster.kill(1);
    println!("node 1 is killed");
    watched_users.flushed(flushes).await;
    cluster.promoted(4).await;
    println!("node 4 has taken over");
    recovered!(publish_users, watched_users, 30);
    recovered!(Roles::new(&there), watched_roles, 31);
    live(&here).await;

    assert!(
        watched_users.flushes() >= 3,
        "{:?}",
        watched_users.seen.seen()
    );
    assert!(watched_roles.flushes() >= 3);
    assert_eq!(
        watched_guests.flushes(),
        0,
        "{:?}",
        watched_guests.seen.seen()
    );
    assert_eq!(
        watched_teams.flushes(),
        0,
        "{:?}",
        watched_teams.seen.seen()
    );
}
