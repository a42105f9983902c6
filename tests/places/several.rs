//! Several servers in the address: the one that is the primary is used.

use cache_runtime::bus::Cause;
use support::{Server, eventually};

use crate::fixture::{Instance, UserEvent, builder};

fn url(servers: &[&Server]) -> String {
    let hosts = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port()));
    format!("redis://{}", hosts.collect::<Vec<_>>().join(","))
}

async fn replica_of(primary: &Server) -> Server {
    let of = format!("127.0.0.1 {}", primary.port());
    Server::builder().option("replicaof", &of).start().await
}

#[tokio::test]
async fn the_primary_among_them_is_used_also_after_it_is_another() {
    let mut first = Server::start().await;
    let second = replica_of(&first).await;
    let mut away = Server::start().await;
    away.kill9();
    let url = url(&[&away, &second, &first]);
    let instance = Instance::start(builder(&url)).await;
    assert_eq!(first.admin().await.subscribers("cache:users").await, 1);

    instance.inline.clear();
    println!("the first server is the primary, and the instance is live");
    first.kill9();
    println!("the primary is killed");
    instance.loses().await;
    println!("the instance is not live, and its caches are empty");
    let admin = second.admin().await;
    admin.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    println!("the second server is promoted");
    instance.live().await;
    println!("the instance is live");
    let told = |events: &[UserEvent]| events.contains(&UserEvent::All);
    instance.handler.until("`All`", told).await;
    assert_eq!(admin.subscribers("cache:users").await, 1);
    instance.users.invalidate_user(7).await.unwrap();

    // The old primary comes back as one. On a slow machine, only one may answer in time.
    first.restart().await;
    println!("the old primary is back as a primary");
    let connected = async || {
        let connected = builder(&url).connect().await;
        connected.map_or_else(|error| format!("{error:#}"), |_| "connected".to_owned())
    };
    let refused = |text: &String| text.contains("both say that they are a primary");
    let text = eventually("a contradiction", connected, refused).await;
    println!("{text}");
}

#[tokio::test]
async fn replicas_only_are_all_named() {
    let primary = Server::start().await;
    let (a, b) = (replica_of(&primary).await, replica_of(&primary).await);
    let error = builder(&url(&[&a, &b])).connect().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::NotPrimary(_)), "{error:?}");
    let text = format!("{error:#}");
    for server in [&a, &b] {
        let named = format!("replica (127.0.0.1:{})", server.port());
        assert!(text.contains(&named), "{text}");
    }
}

#[tokio::test]
async fn two_names_of_one_server_are_one_server() {
    let server = Server::start().await;
    let port = server.port();
    let url = format!("redis://127.0.0.1:{port},localhost:{port}");
    let instance = Instance::start(builder(&url)).await;
    let admin = server.admin().await;
    let subscribers = async || admin.subscribers("cache:users").await;
    eventually("one subscriber", subscribers, |count| *count == 1).await;
    instance.users.invalidate_user(1).await.unwrap();
}
