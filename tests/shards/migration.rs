//! Slots that carry channels move to another shard.

use support::RedisCluster;

use crate::fixture::{Guests, Roles, Teams, USERS, Users, connect, live, recovered, watch};

#[tokio::test]
async fn a_slot_that_moves_takes_its_channel_along() {
    let cluster = RedisCluster::start().await;
    let (here, there) = (connect(&cluster.url()).await, connect(&cluster.url()).await);
    let (users, roles, guests) = (Users::new(&here), Roles::new(&here), Guests::new(&here));
    let teams = Teams::new(&here);
    // The canary of the node is in the slot of the first channel.
    let (watched_users, watched_roles) = (watch!(users), watch!(roles));
    let (watched_guests, watched_teams) = (watch!(guests), watch!(teams));
    live(&here).await;
    let publisher = Users::new(&there);
    recovered!(publisher, watched_users, 1);

    let shard = RedisCluster::shard(USERS);
    let between = async || recovered!(publisher, watched_users, 2);
    cluster.migrate(USERS, shard, 2, between).await;
    recovered!(publisher, watched_users, 3);
    recovered!(Roles::new(&there), watched_roles, 4);
    live(&here).await;
    assert!(watched_users.flushes() > 0);
    // And back.
    cluster.migrate(USERS, 2, shard, async || ()).await;
    recovered!(publisher, watched_users, 5);
    recovered!(Roles::new(&there), watched_roles, 6);
    recovered!(Teams::new(&there), watched_teams, 7);
    live(&here).await;
    assert_eq!(
        watched_guests.flushes(),
        0,
        "{:?}",
        watched_guests.seen.seen()
    );
}
