//! A server that goes away and comes back.

use std::time::Duration;

use cache_runtime::Bus;
use cache_runtime::snapshot::{Freshness, Reader, StaleCause, WhileDown};
use support::{Direction, Proxy, Server, eventually, until, within};

use crate::{Flags, HOUR, MILLISECOND, Source, asks, cause, fresh};

/// A bus that reconnects quickly, and whose lease does not end on a busy machine.
async fn connect(url: &str) -> Bus {
    let bus = Bus::redis(url)
        .heartbeat(Duration::from_millis(100))
        .lease(HOUR)
        .backoff(Duration::from_millis(20), Duration::from_millis(200));
    bus.connect().await.expect("the server is running")
}

async fn lost(flags: &Flags) {
    let mut health = flags.watch_health();
    until("the channel to be lost", &mut health, |health| {
        !health.is_live()
    })
    .await;
}

#[tokio::test]
async fn keeps_the_value_and_loads_when_events_arrive_again() {
    let mut server = Server::start().await;
    let bus = connect(&server.url()).await;
    let source = Source::new();
    let (flags, snapshot) = crate::live(&bus, &source).await;

    server.kill9();
    lost(&flags).await;
    let loads = source.loads();
    let version = source.change(); // unnoticed
    assert!(matches!(cause(&snapshot), StaleCause::Unproven(_)));
    assert_eq!(*snapshot.get(), 0);
    assert_eq!(source.loads(), loads, "nothing asks for a load");
    // What must not be stale is loaded for the caller.
    assert_eq!(
        *within("a load", snapshot.get_fresh()).await.unwrap(),
        version
    );
    assert!(!snapshot.freshness().is_fresh());

    let version = source.change();
    server.restart().await;
    fresh(&snapshot).await;
    assert_eq!(*snapshot.get(), version);
}

/// Changes what is loaded, and waits until a poll has found it.
async fn polled(source: &Source, reader: &mut Reader<u64>) {
    let version = source.change();
    within("a poll", async {
        while **reader.changed().await != version {}
    })
    .await;
}

#[tokio::test]
async fn polls_meanwhile_if_it_is_set_to() {
    let mut server = Server::start().await;
    let bus = connect(&server.url()).await;
    let source = Source::new();
    let flags = Flags::new(&bus);
    let snapshot = source.builder().reload_on(&flags, asks);
    let snapshot = snapshot.while_down(WhileDown::Poll(MILLISECOND));
    let snapshot = snapshot.load().await.unwrap();
    bus.ready().await.unwrap();
    fresh(&snapshot).await;
    server.kill9();
    lost(&flags).await;
    let mut reader = snapshot.reader();
    for _ in 0..3 {
        polled(&source, &mut reader).await;
        assert!(matches!(cause(&snapshot), StaleCause::Unproven(_)));
    }
    server.restart().await;
    fresh(&snapshot).await;
}

/// No event wakes its task any more.
#[tokio::test]
async fn polls_after_its_bus_was_closed() {
    let (bus, source) = (Bus::in_process(), Source::new());
    let flags = Flags::new(&bus);
    let snapshot = source.builder().reload_on(&flags, asks);
    let snapshot = snapshot.while_down(WhileDown::Poll(MILLISECOND));
    let snapshot = snapshot.load().await.unwrap();
    bus.ready().await.unwrap();
    fresh(&snapshot).await;
    // Its task waits for a signal then.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    bus.close().await;
    let mut reader = snapshot.reader();
    for _ in 0..3 {
        polled(&source, &mut reader).await;
    }
}

/// A service can start without its server: the value is loaded, and is not proven to be current.
#[tokio::test]
async fn before_the_first_proof() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    proxy.black_hole(Direction::Both);
    let bus = Bus::redis(proxy.url()).lease(HOUR).connect_lazy().unwrap();
    let (flags, source) = (Flags::new(&bus), Source::new());
    let snapshot = source.builder().reload_on(&flags, asks).load();
    let snapshot = snapshot.await.unwrap();
    let reading = snapshot.read();
    assert_eq!(*reading.value, 0);
    assert!(matches!(
        reading.freshness,
        Freshness::Stale {
            cause: StaleCause::Unproven(_),
            ..
        }
    ));
    let version = source.change();
    proxy.heal();
    fresh(&snapshot).await;
    assert_eq!(*snapshot.get(), version);
}

/// Only the lease tells of a frozen server, and it ends without an event.
#[tokio::test]
async fn that_only_the_lease_tells_of() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url())
        .heartbeat(Duration::from_millis(100))
        .lease(Duration::from_secs(1));
    let bus = bus.connect().await.unwrap();
    let (flags, source) = (Flags::new(&bus), Source::new());
    let snapshot = source.builder().reload_on(&flags, asks).load();
    let snapshot = snapshot.await.unwrap();
    fresh(&snapshot).await;
    server.freeze();
    let freshness = async || snapshot.freshness();
    eventually("a stale value", freshness, |now| !now.is_fresh()).await;
    assert!(matches!(cause(&snapshot), StaleCause::Unproven(_)));
    let version = source.change();
    server.thaw();
    fresh(&snapshot).await;
    assert_eq!(*snapshot.get(), version);
}

#[tokio::test]
async fn of_nobody_over_a_server_between_two_instances() {
    let server = Server::start().await;
    let source = Source::new();
    let connect = async || Bus::redis(server.url()).connect().await.unwrap();
    let (flags, here) = crate::live(&connect().await, &source).await;
    let (_flags, there) = crate::live(&connect().await, &source).await;
    for _ in 0..20 {
        let version = source.change();
        let sent = flags.invalidate_flag("a").confirmed();
        within("the confirmation", sent).await.unwrap();
        for snapshot in [&here, &there] {
            assert_eq!(*snapshot.get_fresh().await.unwrap(), version);
        }
    }
}
