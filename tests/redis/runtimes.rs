//! A bus belongs to no runtime of the program.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cache_runtime::{Bus, CoherentCache, Dedup, Evict, RedisCache};
use support::{Server, block_on, eventually, within};
use tokio::runtime::Runtime;

use crate::fixture::{UserEvent, Users, builder, connect, user};

const LONG: Duration = Duration::from_secs(3600);

fn evicting(users: &Users) -> CoherentCache<u64, &'static str> {
    let cache = CoherentCache::builder("users", LONG);
    let cache = cache.evict_on(users, |event| match event {
        UserEvent::User { user_id } => Evict::key(*user_id),
        UserEvent::Name { .. } | UserEvent::All => Evict::All,
    });
    cache.build().unwrap()
}

/// As with a bus in a `static` that several `#[tokio::test]`s use, each with its own runtime.
#[test]
fn one_bus_works_in_one_runtime_after_another() {
    let servers = Runtime::new().unwrap();
    let server = servers.block_on(Server::start());
    let bus = builder(&server.url()).connect_lazy().unwrap();
    for round in 1..=3 {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let users = Users::new(&bus);
            let mut events = users.events();
            within("the bus to be live", bus.ready()).await.unwrap();
            users.invalidate_user(round).await.unwrap();
            let received = async { while events.recv().await != Some(user(round)) {} };
            within("the event", received).await;
        });
    }
    servers.block_on(async { drop(server) });
}

/// The runtime of this test has one thread, which is blocked until the entry is gone.
#[tokio::test]
async fn events_evict_while_the_runtime_is_blocked() {
    let server = Server::start().await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let cache = evicting(&users);
    bus.ready().await.unwrap();
    cache.get_or_load(&1, || async { "old" }).await;
    assert_eq!(cache.get(&1), Some("old"));

    let (done, is_done) = mpsc::channel();
    let url = server.url();
    let reader = cache.clone();
    thread::spawn(move || {
        let others = Runtime::new().unwrap();
        others.block_on(async {
            let other = Users::new(&connect(&url).await);
            other.invalidate_user(1_u64).await.unwrap();
        });
        while reader.get(&1).is_some() {
            thread::yield_now();
        }
        done.send(()).unwrap();
    });
    is_done.recv_timeout(support::DEADLINE).unwrap();
    assert!(users.health().is_live());
    assert_eq!(cache.get(&1), None);
}

/// Longer than the lease, which goes on.
#[tokio::test]
async fn a_runtime_that_was_blocked_reads_nothing_old() {
    let server = Server::start().await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let cache = evicting(&users);
    let other = Users::new(&connect(&server.url()).await);
    for blocked in [Duration::from_millis(1200), Duration::from_secs(3)] {
        bus.ready().await.unwrap();
        let stored = async || {
            cache.get_or_load(&1, || async { "old" }).await;
            cache.get(&1)
        };
        eventually("the value to be stored", stored, Option::is_some).await;
        let publishing = thread::spawn({
            let other = other.clone();
            move || other.invalidate_user(1_u64).wait()
        });
        thread::sleep(blocked);
        assert_eq!(cache.get(&1), None);
        assert!(users.health().is_live());
        publishing.join().unwrap().unwrap();
    }
}

#[test]
fn a_thread_publishes_and_waits() {
    let users = Users::new(&Bus::in_process());
    let cache = evicting(&users);
    block_on(cache.get_or_load(&1, || async { "old" }));
    users.invalidate_user(1_u64).wait().unwrap();
    assert_eq!(cache.get(&1), None);
}

#[tokio::test]
#[should_panic(expected = "Cannot start a runtime from within a runtime")]
async fn a_task_may_not() {
    let users = Users::new(&Bus::in_process());
    let _ = users.invalidate_user(1_u64).wait();
}

#[test]
fn any_executor_publishes_reads_and_writes() {
    let servers = Runtime::new().unwrap();
    let server = servers.block_on(Server::start());
    let url = server.url();
    let other = thread::spawn(move || {
        block_on(async {
            let bus: Bus = builder(&url).connect().await.unwrap();
            let users = Users::new(&bus);
            let cache = evicting(&users);
            let stored = RedisCache::<String>::builder(&bus, "stored", LONG);
            let stored = stored.build().unwrap();
            let dedup = Dedup::builder(&bus, "requests").build().unwrap();
            let mut events = users.events();
            bus.ready().await.unwrap();
            cache.get_or_load(&1, || async { "old" }).await;
            users.invalidate_user(1_u64).await.unwrap();
            assert_eq!(cache.get(&1), None);
            while events.recv().await != Some(user(1)) {}
            let value = stored.get_or_load("a", || async { "A".to_owned() }).await;
            assert_eq!(value.unwrap(), "A");
            assert_eq!(stored.get("a").await.unwrap().as_deref(), Some("A"));
            let _ = dedup.reserve("a", "me").await.unwrap();
            bus.close().await;
        });
    });
    other.join().unwrap();
    servers.block_on(async { drop(server) });
}

#[test]
fn a_handler_on_a_thread_needs_no_runtime() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let (seen, received) = mpsc::channel();
    let _subscription = users.subscribe(move |event| {
        // The test may be over.
        let _ = seen.send(event);
    });
    block_on(bus.ready()).unwrap();
    block_on(async { users.invalidate_user(1_u64).await }).unwrap();
    assert_eq!(received.recv_timeout(support::DEADLINE), Ok(user(1)));
}

#[test]
#[should_panic(
    expected = "an async handler was subscribed to `cache:users` outside of a Tokio runtime"
)]
fn an_async_handler_needs_one_and_says_so() {
    let users = Users::new(&Bus::in_process());
    let _subscription = users.subscribe(|_| async {});
}
