//! Fail-overs by Sentinels: each is a loss like any other, and everything is on the new primary
//! afterwards.

use cache_runtime::bus::{Cause, Credentials};
use support::{SentinelSet, Server, eventually};

use crate::fixture::{Counts, Instance, Traffic, UserEvent, builder};

/// Two instances, with reads and writes going on while the primary changes.
struct Scenario {
    fault: &'static str,
    set: SentinelSet,
    writer: Instance,
    reader: Instance,
    traffic: Traffic,
}

impl Scenario {
    async fn start(fault: &'static str) -> Self {
        let set = SentinelSet::start().await;
        let writer = Instance::start(builder(&set.url()).name("writer")).await;
        let reader = Instance::start(builder(&set.url()).name("reader")).await;
        let traffic = Traffic::start(&writer, &reader);
        traffic.goes_on().await;
        for instance in [&writer, &reader] {
            instance.inline.clear();
            instance.handler.clear();
        }
        Self {
            fault,
            set,
            writer,
            reader,
            traffic,
        }
    }

    fn says(&self, what: &str) {
        let Counts {
            acknowledged,
            failed,
            reads,
            oldest,
        } = self.traffic.counts();
        println!(
            "{}: {what}; so far {acknowledged} changes were acknowledged, {failed} failed, {reads} \
             reads, the oldest {oldest:.1?} old",
            self.fault
        );
    }

    /// Waits until both instances have noticed the fail-over and are on the new primary, where changes
    /// are published and read again.
    async fn moves(&self) {
        let primary = self.set.failed_over().await;
        self.says(&format!("server {primary} is the primary"));
        for instance in [&self.writer, &self.reader] {
            instance.loses().await;
        }
        self.says("both instances have lost the channel, and flushed");
        for instance in [&self.writer, &self.reader] {
            instance.live().await;
            let told = |events: &[UserEvent]| events.contains(&UserEvent::All);
            instance.handler.until("`All`", told).await;
        }
        self.says("both are live");
        self.all_are_at_the_primary().await;
        self.traffic.goes_on().await;
        self.says("both are at the new primary");
    }

    /// Waits until both instances have their connections for events and for publishing at the server
    /// that the Sentinels name by then. On a busy machine there may be a further fail-over.
    async fn all_are_at_the_primary(&self) {
        let names = async || names(&self.set.servers[self.set.failed_over().await]).await;
        let all = |names: &Vec<String>| {
            let of = ["writer:events", "writer:publish", "reader:events"];
            of.iter()
                .all(|name| names.iter().any(|known| known == name))
        };
        eventually("both instances at the new primary", names, all).await;
    }

    /// Ends the traffic, which panics if a read was too old.
    async fn end(self) {
        self.says("the end");
        self.traffic.end().await;
    }
}

/// The names of the connections. A server that the Sentinels have just told its role ends all of them,
/// also that which asks.
async fn names(server: &Server) -> Vec<String> {
    let admin = server.admin().await;
    let Ok(clients) = admin.try_run::<String>(&["CLIENT", "LIST"]).await else {
        return vec![":unknown".to_owned()];
    };
    let name = |client: &str| Some(client.split_once(" name=")?.1.split(' ').next()?.to_owned());
    clients.lines().filter_map(name).collect()
}

/// All at the same time, because each waits for its Sentinels most of the time.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_fail_over_is_a_loss_and_ends_on_the_new_primary() {
    tokio::join!(killed(), frozen(), planned(), cut_off());
}

async fn killed() {
    let mut scenario = Scenario::start("killed").await;
    scenario.set.servers[0].kill9();
    scenario.says("server 0, the primary, is killed");
    scenario.moves().await;
    scenario.end().await;
}

/// It wakes up with its sockets, as a primary.
async fn frozen() {
    let scenario = Scenario::start("frozen").await;
    let old = &scenario.set.servers[0];
    old.freeze();
    scenario.says("server 0, the primary, is frozen");
    scenario.moves().await;
    old.thaw();
    scenario.says("server 0 goes on");
    // It sees only then which of its connections have ended.
    let clients = async || {
        let names = names(old).await.into_iter();
        names.filter(|name| name.contains(':')).collect::<Vec<_>>()
    };
    eventually("none of the bus", clients, Vec::is_empty).await;
    scenario.all_are_at_the_primary().await;
    scenario.end().await;
}

async fn planned() {
    let scenario = Scenario::start("planned").await;
    scenario.set.fail_over().await;
    scenario.says("server 0, the primary, is to step down");
    scenario.moves().await;
    scenario.end().await;
}

/// Its connections go on working, and it says that it is the primary.
async fn cut_off() {
    let scenario = Scenario::start("cut off").await;
    scenario.set.cut_off().await;
    scenario.says("server 0, the primary, is cut off from the Sentinels");
    scenario.moves().await;
    let old = scenario.set.servers[0].admin().await;
    let role: String = old.run(&["INFO", "replication"]).await;
    assert!(role.contains("role:master"), "{role}");
    let subscribers = async || old.subscribers("cache:users").await;
    eventually("nobody", subscribers, |count| *count == 0).await;
    scenario.end().await;
}

#[tokio::test]
async fn sentinels_that_cannot_be_asked_are_named() {
    let set = SentinelSet::start().await;
    what_is_wrong_with_an_address_is_said(&set).await;
    sentinels_have_credentials_of_their_own(&set).await;
    without_a_majority_the_bus_stays_and_none_connects(set).await;
}

async fn what_is_wrong_with_an_address_is_said(set: &SentinelSet) {
    let text = error(set.url().replace("/main", "/other")).await;
    assert!(text.contains("knows no primary `other`"), "{text}");

    // A server in the place of a Sentinel, and a Sentinel in the place of a server.
    let server = &set.servers[1];
    let text = error(format!("redis-sentinel://127.0.0.1:{}/main", server.port())).await;
    assert!(
        text.contains("is no Sentinel; expected `redis://"),
        "{text}"
    );
    let hosts = set.url();
    let hosts = hosts.trim_start_matches("redis-sentinel://");
    let first = hosts.split(',').next().unwrap_or_default();
    let text = error(format!("redis://{first}")).await;
    assert!(text.contains("`redis-sentinel://127.0.0.1:"), "{text}");
}

fn asks() -> Credentials {
    Credentials::new("asks", "sesame")
}

async fn error(url: String) -> String {
    let error = builder(&url).connect().await.unwrap_err();
    format!("{error:#}")
}

async fn sentinels_have_credentials_of_their_own(set: &SentinelSet) {
    for i in 0..3 {
        let sentinel = set.sentinel(i).await;
        let rules = "ACL SETUSER asks on >sesame +hello +sentinel +subscribe resetchannels \
                     &+switch-master &+promoted-slave";
        let rules: Vec<_> = rules.split_whitespace().collect();
        sentinel.run::<()>(&rules).await;
        let none = ["ACL", "SETUSER", "default", "resetpass", ">other"];
        sentinel.run::<()>(&none).await;
    }
    let text = error(set.url()).await;
    assert!(
        text.contains("`BusBuilder::sentinel_credentials`"),
        "{text}"
    );
    let builder = builder(&set.url()).sentinel_credentials(asks());
    assert!(!format!("{builder:?}").contains("sesame"));
    Instance::start(builder).await.bus.close().await;
}

async fn without_a_majority_the_bus_stays_and_none_connects(mut set: SentinelSet) {
    let url = set.url();
    let instance = Instance::start(builder(&url).sentinel_credentials(asks())).await;
    set.keep_sentinels(1);
    let error = builder(&url).sentinel_credentials(asks()).connect().await;
    let error = error.unwrap_err();
    assert!(matches!(error.cause(), Cause::Unreachable(_)), "{error:?}");
    let text = format!("{error:#}");
    assert!(text.contains("1 of 3 Sentinels answered"), "{text}");
    instance.inline.clear();
    set.keep_sentinels(0);
    for _ in 0..20 {
        instance.users.invalidate_user(1).await.unwrap();
        let canary = async || set.servers[0].admin().await.calls("publish").await;
        let before = canary().await;
        eventually("a heartbeat", canary, |now| *now > before).await;
    }
    assert!(instance.health.borrow().is_live());
    assert!(!instance.inline.seen().contains(&(UserEvent::All, false)));
}
