//! The database of the address, where the keys are.

use std::time::Duration;

use cache_runtime::bus::Cause;
use cache_runtime::{Bus, Evict, RedisCache};
use support::{Admin, Server};

use crate::fixture::{UserEvent, Users, builder};

const TTL: Duration = Duration::from_secs(3600);

async fn keys(server: &Server, database: u8) -> u64 {
    let admin = Admin::connect(&format!("{}/{database}", server.url())).await;
    admin.unwrap().run(&["DBSIZE"]).await
}

async fn connect(url: String) -> Bus {
    builder(&url).connect().await.unwrap()
}

#[tokio::test]
async fn keys_are_in_the_database_of_the_address_and_events_reach_everyone() {
    let server = Server::start().await;
    let three = connect(format!("{}/3", server.url())).await;
    let four = connect(format!("{}?db=4", server.unix_url())).await;
    let evicted = |bus: &Bus| {
        let users = Users::new(bus);
        let cache = RedisCache::<String>::builder(bus, "users", TTL);
        let cache = cache.evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id.to_string()),
            UserEvent::All => Evict::All,
        });
        (cache.build().unwrap(), users)
    };
    let ((in_three, users), (in_four, _)) = (evicted(&three), evicted(&four));
    three.ready().await.unwrap();
    four.ready().await.unwrap();
    for (cache, name) in [(&in_three, "three"), (&in_four, "four")] {
        let load = || async { name.to_owned() };
        assert_eq!(cache.get_or_load("1", load).await.unwrap(), name);
    }
    // The list of instances.
    assert_eq!(keys(&server, 0).await, 1);
    // The value and the generation.
    assert_eq!(keys(&server, 3).await, 2);
    assert_eq!(keys(&server, 4).await, 2);

    users.invalidate_user(1).await.unwrap();
    assert_eq!(keys(&server, 3).await, 1);
    let gone = async || in_four.get("1").await.unwrap().is_none();
    support::eventually("the other to evict", gone, |gone| *gone).await;
    assert_eq!(keys(&server, 4).await, 1);
}

/// Two caches of one server that store different types under the same keys do not build.
#[tokio::test]
async fn two_databases_are_two_stores() {
    let server = Server::start().await;
    let first = connect(format!("{}/1", server.url())).await;
    let second = connect(format!("{}?db=2", server.url())).await;
    let texts = RedisCache::<String>::builder(&first, "same", TTL).build();
    let numbers = RedisCache::<u64>::builder(&second, "same", TTL).build();
    let (texts, numbers) = (texts.unwrap(), numbers.unwrap());
    assert!(
        RedisCache::<u64>::builder(&first, "same", TTL)
            .build()
            .is_err()
    );
    texts.insert("a", "A".to_owned()).await.unwrap();
    numbers.insert("a", 1).await.unwrap();
    assert_eq!(texts.get("a").await.unwrap().as_deref(), Some("A"));
    assert_eq!(numbers.get("a").await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named() {
    let server = Server::start().await;
    let error = builder(&format!("{}/77", server.url())).connect().await;
    let error = error.unwrap_err();
    assert!(matches!(error.cause(), Cause::Server(_)), "{error:?}");
    assert!(format!("{error:#}").contains("DB index is out of range"));

    let rules = "&* +hello +info +client|setname +subscribe +unsubscribe +publish";
    let url = server.allow_app(rules).await;
    builder(&url).connect().await.unwrap();
    let error = builder(&format!("{url}/3")).connect().await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("+select"), "{text}");
}

/// Channels belong to no database, and neither does the list of those who are waited for.
#[tokio::test]
async fn instances_with_other_databases_are_waited_for() {
    let server = Server::start().await;
    let names = ["/3", "?db=4", ""];
    let mut buses = Vec::new();
    for place in names {
        let builder = Bus::redis(format!("{}{place}", server.url())).name(format!("in{place}"));
        let bus = builder.connect().await.unwrap();
        Users::new(&bus).subscribe_inline(|_| ()).detach();
        bus.ready().await.unwrap();
        buses.push(bus);
    }
    for bus in &buses {
        let settled = bus.settled().await.unwrap();
        assert_eq!(settled.acknowledged().len(), 3, "{settled:?}");
    }
    let admin = server.admin().await;
    let count = ["ZCOUNT", "cache-runtime:instances", "0", "+inf"];
    let listed: u64 = admin.run(&count).await;
    assert!(listed >= 3, "{listed} elements");
}
