//! Loads of several processes.

use std::convert::Infallible;
use std::env;

use support::{Admin, Child, Server, eventually, role, within};

use crate::fixture::{LONG, SHORT, builder, connect, text};

const PROCESSES: usize = 6;

async fn bus(url: &str) -> cache_runtime::Bus {
    cache_runtime::Bus::redis(url).connect().await.unwrap()
}

#[tokio::test]
async fn load_once_among_them() {
    const NAME: &str = "processes::load_once_among_them";
    if role().is_some() {
        return load(&env::var("URL").unwrap()).await;
    }
    let server = Server::start().await;
    let url = server.url();
    let mut children: Vec<_> = (0..PROCESSES)
        .map(|_| Child::same_test(NAME, "one of many", &[("URL", &url)]))
        .collect();
    for child in &mut children {
        child.says("got the value").await;
    }
    for child in children {
        assert!(child.finish().await.success());
    }
    let loads: usize = server.admin().await.run(&["GET", "loads"]).await;
    assert_eq!(loads, 1);
}

async fn load(url: &str) {
    let admin = Admin::connect(url).await.unwrap();
    let bus = bus(url).await;
    let cache = builder(&bus).load_lock(LONG).build().unwrap();
    admin.run::<()>(&["INCR", "arrived"]).await;
    let value = cache.try_get_or_load("a", || async {
        admin.run::<()>(&["INCR", "loads"]).await;
        // Wait until all processes ask for the value.
        let arrived = async || admin.run::<usize>(&["GET", "arrived"]).await;
        eventually("all processes", arrived, |arrived| *arrived == PROCESSES).await;
        Ok::<_, Infallible>("the value".to_owned())
    });
    println!("got {}", value.await.unwrap());
}

#[tokio::test]
async fn that_are_killed_while_they_load_hold_up_others_for_no_longer_than_their_lock() {
    const NAME: &str =
        "processes::that_are_killed_while_they_load_hold_up_others_for_no_longer_than_their_lock";
    if role().is_some() {
        return load_for_ever(&env::var("URL").unwrap()).await;
    }
    let server = Server::start().await;
    let url = server.url();
    let mut child = Child::same_test(NAME, "killed", &[("URL", &url)]);
    child.says("loading").await;
    // Kills it.
    drop(child);
    let bus = connect(&server).await;
    let cache = builder(&bus).load_lock(LONG).build().unwrap();
    let value = cache.try_get_or_load("a", || text("A"));
    assert_eq!(within("the lock to end", value).await.unwrap(), "A");
    assert_eq!(cache.stats().given_up_waits, 0);
}

async fn load_for_ever(url: &str) {
    let bus = bus(url).await;
    let cache = builder(&bus)
        .load_lock(LONG)
        .lock_ttl(SHORT * 20)
        .build()
        .unwrap();
    let value = cache.try_get_or_load("a", || async {
        println!("loading");
        std::future::pending::<Result<String, Infallible>>().await
    });
    drop(value.await);
}
