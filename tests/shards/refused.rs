//! Addresses that name the other kind of server.

use cache_runtime::Bus;
use support::{RedisCluster, Server};

#[tokio::test]
async fn the_address_has_to_say_whether_it_is_a_cluster() {
    let server = Server::start().await;
    let address = server.url().replace("redis://", "redis-cluster://");
    let error = Bus::redis(address).connect().await.unwrap_err();
    let expected = format!("is no node of a cluster; expected `{}`", server.url());
    assert!(format!("{error:#}").contains(&expected), "{error:#}");

    let error = Bus::redis("cluster://127.0.0.1").connect().await;
    let text = format!("{:#}", error.unwrap_err());
    assert!(text.contains("`redis-cluster://host:port`"), "{text}");

    let cluster = RedisCluster::start().await;
    let node = cluster.node(0).url();
    let error = Bus::redis(&node).connect().await.unwrap_err();
    let expected = node.replace("redis://", "expected `redis-cluster://");
    assert!(format!("{error:#}").contains(&expected), "{error:#}");

    let rules = "+hello +info +client|setname +cluster|slots +cluster|info +spublish \
                 +exists ~cache-runtime:* &cache:*";
    let address = crate::fixture::allow_app(&cluster, rules).await;
    let bus = Bus::redis(address).connect().await.unwrap();
    let users = crate::fixture::Users::new(&bus);
    users.invalidate_item(1).await.unwrap();
    let _events = users.events();
    let error = users.ready().await.unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("+ssubscribe +sunsubscribe +spublish +cluster|slots"),
        "{text}"
    );
}
