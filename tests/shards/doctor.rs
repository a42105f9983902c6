//! What a diagnosis finds in a cluster, and what is heard there.

use cache_runtime::doctor::{Heard, Outcome};
use support::{RedisCluster, within};

use crate::fixture::{Event, Guests, Teams, connect};

#[tokio::test]
async fn every_shard_is_asked_and_heard() {
    let cluster = RedisCluster::start().await;
    let bus = connect(&cluster.url()).await;
    let diagnosis = bus.doctor().await;
    assert!(diagnosis.is_well(), "{diagnosis}");
    let server = &diagnosis.checks[0];
    assert_eq!(server.text.matches(", primary").count(), 3, "{diagnosis}");
    for what in ["channel cache:guests", "channel cache:teams", "keys"] {
        let passed = diagnosis.checks.iter().find(|check| check.what == what);
        assert_eq!(passed.unwrap().outcome, Outcome::Passed, "{diagnosis}");
    }

    let mut tail = bus.tail(["cache:guests", "cache:teams"]);
    tail.ready().await.unwrap();
    let event = Event::Item { id: 7 };
    Guests::new(&bus).publish(&event).await.unwrap();
    Teams::new(&bus).publish(&event).await.unwrap();
    let mut left = vec!["cache:guests", "cache:teams"];
    while !left.is_empty() {
        let heard = within("a message", tail.recv()).await.unwrap();
        if let Heard::Message(message) = heard {
            left.retain(|channel| *channel != message.channel);
        }
    }
}
