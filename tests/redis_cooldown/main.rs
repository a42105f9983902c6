//! Cooldowns that all instances share.

use std::time::Duration;

use cache_runtime::audit::{Kind, Risk, State};
use cache_runtime::cooldown::Start;
use cache_runtime::{BuildError, Bus, Dedup, RedisCooldown, audit};
use support::{Direction, Proxy, Server, eventually, within};
use tokio::task::JoinSet;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(40);

fn cooldown(bus: &Bus, period: Duration) -> RedisCooldown {
    let builder = RedisCooldown::builder(bus, "notified", period);
    builder.build().expect("the settings are usable")
}

async fn connect(url: &str) -> Bus {
    let bus = Bus::redis(url).connect().await;
    bus.expect("the server runs")
}

/// Two instances, in process and over Redis. The server runs for as long as it is kept.
async fn places() -> Vec<(Bus, Bus, Option<Server>)> {
    let here = Bus::in_process();
    let server = Server::start().await;
    let url = server.url();
    vec![
        (here.another_instance(), here, None),
        (connect(&url).await, connect(&url).await, Some(server)),
    ]
}

fn is_remaining(start: Start, most: Duration) -> bool {
    matches!(start, Start::Remaining(left) if left <= most && left + Duration::from_secs(60) > most)
}

#[tokio::test]
async fn one_instance_starts_it_and_all_know() {
    for (here, there, _server) in places().await {
        let (here, there) = (cooldown(&here, LONG), cooldown(&there, LONG));
        assert_eq!(here.remaining("ada").await.unwrap(), None);
        assert_eq!(here.try_start("ada").await.unwrap(), Start::Started);
        for instance in [&here, &there] {
            let again = instance.try_start("ada").await.unwrap();
            assert!(is_remaining(again, LONG), "{again:?}");
        }
        assert!(there.remaining("ada").await.unwrap().is_some());
        assert_eq!(there.try_start("bob").await.unwrap(), Start::Started);
        assert!(there.reset("ada").await.unwrap());
        assert!(!here.reset("ada").await.unwrap());
        assert_eq!(here.try_start("ada").await.unwrap(), Start::Started);
        let stats = here.stats();
        assert_eq!((stats.started, stats.refused, stats.failed), (2, 1, 0));
    }
}

#[tokio::test]
async fn it_ends() {
    for (here, there, _server) in places().await {
        let (short, long) = (cooldown(&here, SHORT), cooldown(&there, LONG));
        assert_eq!(short.try_start("ada").await.unwrap(), Start::Started);
        let start = async || long.try_start("ada").await.unwrap();
        let _ = eventually("the cooldown to end", start, |start| start.is_started()).await;
    }
}

/// Such as a provider that answers with `Retry-After`.
#[tokio::test]
async fn it_goes_on_for_a_time_that_is_named() {
    for (here, there, _server) in places().await {
        let (here, there) = (cooldown(&here, LONG), cooldown(&there, LONG));
        let _ = here.try_start("provider").await.unwrap();
        there.start_for("provider", LONG * 24).await.unwrap();
        let again = here.try_start("provider").await.unwrap();
        assert!(is_remaining(again, LONG * 24), "{again:?}");
        // What is named counts, also if it is sooner.
        here.start_for("provider", Duration::ZERO).await.unwrap();
        assert_eq!(there.try_start("provider").await.unwrap(), Start::Started);
    }
}

#[tokio::test]
async fn of_many_callers_one_starts_it() {
    for (here, there, _server) in places().await {
        let instances = [cooldown(&here, LONG), cooldown(&there, LONG)];
        let mut callers = JoinSet::new();
        for number in 0..100 {
            let instance = instances[number % 2].clone();
            callers.spawn(async move { instance.try_start("ada").await.unwrap().is_started() });
        }
        let started = within("all to be answered", callers.join_all()).await;
        assert_eq!(started.iter().filter(|started| **started).count(), 1);
    }
}

/// The first command was carried out, and its answer was lost.
#[tokio::test]
async fn an_answer_that_is_lost_is_no_other_caller() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let bus = connect(&proxy.url()).await;
    let cooldown = cooldown(&bus, LONG);
    assert_eq!(cooldown.try_start("other").await.unwrap(), Start::Started);
    proxy.black_hole(Direction::ToClient);
    let calling = tokio::spawn({
        let cooldown = cooldown.clone();
        async move { cooldown.try_start("ada").await }
    });
    let admin = server.admin().await;
    let stored = async || admin.run::<bool>(&["EXISTS", "notified:ada"]).await;
    eventually("the command to be carried out", stored, |stored| *stored).await;
    proxy.cut();
    proxy.heal();
    let started = within("the answer", calling).await.unwrap();
    assert_eq!(started.unwrap(), Start::Started);
}

#[tokio::test]
async fn without_redis_nothing_is_started() {
    let mut server = Server::start().await;
    let bus = connect(&server.url()).await;
    let cooldown = RedisCooldown::builder(&bus, "away", LONG).build().unwrap();
    let row = || {
        let audit = audit();
        let row = audit.rows().iter().find(|row| row.name == "away");
        row.expect("it is listed").clone()
    };
    assert_eq!((row().kind, row().risk), (Kind::RedisCooldown, Risk::None));
    assert_eq!(row().state, State::Live);
    server.kill9();
    let error = cooldown.try_start("ada\n").await.unwrap_err();
    assert!(
        error.cause().to_string().contains("reached") || !error.is_closed(),
        "{error:?}"
    );
    assert_eq!((error.cache(), error.key()), ("away", "ada\n"));
    let start = "cooldown `away` of key \"ada\\n\" could not be started: ";
    assert!(format!("{error:#}").starts_with(start), "{error:#}");
    assert!(matches!(row().state, State::Down(_)));
    bus.close().await;
    assert!(cooldown.reset("ada").await.unwrap_err().is_closed());
    assert!(cooldown.remaining("ada").await.unwrap_err().is_closed());
    assert!(
        cooldown
            .start_for("ada", LONG)
            .await
            .unwrap_err()
            .is_closed()
    );
    assert_eq!(cooldown.stats().failed, 4);
}

#[tokio::test]
async fn unusable_settings_are_named() {
    let bus = Bus::in_process();
    let error = |name: &str, period| {
        let built: Result<_, BuildError> = RedisCooldown::builder(&bus, name, period).build();
        built.unwrap_err().to_string()
    };
    assert!(error("a b", LONG).contains("name"));
    assert!(error("a", Duration::ZERO).contains("period"));
    let _other = Dedup::builder(&bus, "taken").build().unwrap();
    let taken = error("taken", LONG);
    assert!(
        taken.contains("taken") && taken.contains("main.rs"),
        "{taken}"
    );
}
