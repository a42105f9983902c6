//! Several relays of one table.

use cache_runtime::Bus;
use cache_runtime::transactional_outbox::{Relay, Store};

use crate::database::{Database, End, Halt};
use crate::fixture::{Instance, LONG, SHORT, UserEvent, Users, empty, relay};

const EVENTS: u64 = 60;

async fn take_turns(database: Database) {
    let bus = Bus::in_process();
    let there = Instance::new_in_process(&bus).await;
    let here = Instance::new_in_process(&bus.another_instance()).await;
    let new = |instance: &Instance| {
        let relay = Relay::new(&instance.bus, database.outbox());
        relay.poll_interval(SHORT).lease(LONG).batch(7)
    };
    let _relays = [new(&here).start(), new(&there).start(), new(&there).start()];
    for id in 1..=EVENTS {
        database.change(&here.users, id, End::Commit).await;
    }
    empty(&database).await;
    here.users.invalidate_all().await.unwrap();
    there
        .seen
        .until("the last event", |seen| seen.contains(&UserEvent::All))
        .await;
    // `LONG` does not end, so none is published twice.
    assert_eq!(
        there.seen.seen().len(),
        usize::try_from(EVENTS).unwrap() + 1
    );
}

#[tokio::test]
async fn take_turns_with_sqlite() {
    take_turns(Database::sqlite()).await;
}

#[tokio::test]
async fn take_turns_with_postgres() {
    take_turns(Database::postgres().await).await;
}

/// `future` makes the lease one that was taken in the future, as if the clock had been set back since.
async fn have_the_lease_one_at_a_time(database: Database, future: &str) {
    let users = Users::new(&Bus::in_process());
    let outbox = database.outbox();
    let take = async |owner, lease| {
        let rows = outbox.take(owner, lease, i64::MIN, 10).await.unwrap();
        rows.map(|rows| rows.iter().map(|row| row.id).collect::<Vec<_>>())
    };
    assert_eq!(
        take("a", LONG).await,
        Some(vec![]),
        "without rows, nobody needs it"
    );
    database.change(&users, 7, End::Commit).await;
    assert_eq!(take("a", LONG).await, Some(vec![1]));
    assert_eq!(take("b", LONG).await, None);
    assert_eq!(take("a", LONG).await, Some(vec![1]));
    outbox.delete("b", &[], true).await.unwrap();
    assert_eq!(take("b", LONG).await, None, "it is not its own");
    database.run(future).await;
    assert_eq!(take("b", LONG).await, Some(vec![1]));
    assert_eq!(take("a", LONG).await, None);
    outbox.delete("b", &[], true).await.unwrap();
    assert_eq!(take("a", SHORT).await, Some(vec![1]));
    let taken = async || take("b", LONG).await;
    support::eventually("the end of the lease", taken, Option::is_some).await;
    outbox.delete("b", &[1], true).await.unwrap();
    assert_eq!(take("a", LONG).await, Some(vec![]));
}

#[tokio::test]
async fn have_the_lease_one_at_a_time_with_sqlite() {
    let future = "UPDATE cache_outbox_lease SET taken = taken + 60000";
    have_the_lease_one_at_a_time(Database::sqlite(), future).await;
}

#[tokio::test]
async fn have_the_lease_one_at_a_time_with_postgres() {
    let future = "UPDATE cache_outbox_lease SET taken = taken + interval '1 minute'";
    have_the_lease_one_at_a_time(Database::postgres().await, future).await;
}

/// A relay that is stuck with the lease holds up others for no longer than the lease.
async fn go_on_without_one_that_is_stuck(database: Database) {
    let instance = Instance::new_in_process(&Bus::in_process()).await;
    database.change(&instance.users, 7, End::Commit).await;
    let mut stuck = database.outbox();
    stuck.halt = Some(Halt::HoldingTheLease);
    let stuck = tokio::spawn(relay(&instance.bus, stuck).run());
    support::eventually(
        "the lease",
        async || {
            database
                .number("SELECT count(*) FROM cache_outbox_lease")
                .await
        },
        |leases| *leases == 1,
    )
    .await;
    let _relay = relay(&instance.bus, database.outbox()).start();
    empty(&database).await;
    stuck.abort();
}

#[tokio::test]
async fn go_on_without_one_that_is_stuck_with_sqlite() {
    go_on_without_one_that_is_stuck(Database::sqlite()).await;
}

#[tokio::test]
async fn go_on_without_one_that_is_stuck_with_postgres() {
    go_on_without_one_that_is_stuck(Database::postgres().await).await;
}

/// Nothing but the writer or the database tells the relay of the row.
async fn publish_at_once(database: Database) {
    let instance = Instance::new_in_process(&Bus::in_process()).await;
    let relay = Relay::new(&instance.bus, database.outbox()).poll_interval(LONG);
    let _relay = relay.start();
    for id in 1..=3 {
        database.change(&instance.users, id, End::Commit).await;
        let event = UserEvent::User { user_id: id };
        instance
            .seen
            .until("the event", |seen| seen.contains(&event))
            .await;
    }
}

#[tokio::test]
async fn publish_at_once_with_sqlite() {
    publish_at_once(Database::sqlite()).await;
}

#[tokio::test]
async fn publish_at_once_with_postgres() {
    publish_at_once(Database::postgres().await).await;
}
