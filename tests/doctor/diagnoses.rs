//! What a diagnosis finds.

use std::time::Duration;

use cache_runtime::doctor::{Check, Diagnosis, Outcome};
use cache_runtime::{Bus, CoherentCache, Evict};
use serde_json::Value;
use support::{Relay, Server, eventually};

use crate::fixture::{CHANNEL, People, PersonEvent};

/// The only check of a thing.
fn check<'a>(diagnosis: &'a Diagnosis, what: &str) -> &'a Check {
    let mut checks = diagnosis.checks.iter().filter(|check| check.what == what);
    let check = checks.next();
    assert!(checks.next().is_none(), "{diagnosis}");
    check.unwrap_or_else(|| panic!("no check of {what}: {diagnosis}"))
}

fn found(diagnosis: &Diagnosis, what: &str) -> (Outcome, String) {
    let check = check(diagnosis, what);
    (check.outcome, check.text.clone())
}

fn bus(server: &Server) -> Bus {
    Bus::redis(server.url()).connect_lazy().unwrap()
}

#[tokio::test]
async fn a_server_that_can_be_used() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = bus(&server);
    let diagnosis = bus.doctor().await;
    assert!(diagnosis.is_well(), "{diagnosis}");
    let (_, software) = found(&diagnosis, "server");
    let here = format!("at 127.0.0.1:{}, primary", server.port());
    assert!(software.ends_with(&here), "{software}");
    assert!(
        software.starts_with("Redis ") || software.starts_with("Valkey "),
        "{software}"
    );
    let (_, events) = found(&diagnosis, "events");
    assert!(
        events.starts_with("live; a message makes the round in "),
        "{events}"
    );
    assert_eq!(
        found(&diagnosis, &format!("channel {CHANNEL}")),
        (Outcome::Passed, "live".to_owned())
    );
    assert_eq!(check(&diagnosis, "keys").outcome, Outcome::Passed);
    assert_eq!(
        found(&diagnosis, "instances"),
        (Outcome::Passed, "0 known".to_owned())
    );
    // What it has left ends by itself, and nothing is subscribed to any more.
    let keys: Vec<String> = admin.run(&["KEYS", "*doctor*"]).await;
    assert!(keys.iter().all(|key| key.ends_with(":g")), "{keys:?}");
    let clients = async || {
        let clients: String = server.admin().await.run(&["CLIENT", "LIST"]).await;
        clients.matches("sub=1").count() + clients.matches("sub=2").count()
    };
    eventually("the subscriptions to end", clients, |clients| *clients == 0).await;
}

#[tokio::test]
async fn other_instances_and_what_they_have() {
    let server = Server::start().await;
    let there = Bus::redis(server.url())
        .name("bot-7")
        .connect()
        .await
        .unwrap();
    let people = People::new(&there);
    let cache = CoherentCache::<u32, u32>::builder("doctor-people", Duration::from_secs(60))
        .evict_on(&people, |event| match event {
            PersonEvent::Person { id } => Evict::key(*id),
            PersonEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    there.ready().await.unwrap();
    let bus = bus(&server);
    let listed = async || bus.doctor().await;
    let is_listed = |diagnosis: &Diagnosis| !diagnosis.instances.is_empty();
    let diagnosis = eventually("the instance to be listed", listed, is_listed).await;
    let instance = &diagnosis.instances[0];
    assert_eq!((diagnosis.instances.len(), &*instance.name), (1, "bot-7"));
    assert!(instance.lease_left.is_some());
    assert_eq!((instance.audited, &instance.version), (None, &None));

    there.audit().await.unwrap();
    let diagnosis = bus.doctor().await;
    let instance = &diagnosis.instances[0];
    assert_eq!((diagnosis.instances.len(), &*instance.name), (1, "bot-7"));
    assert!(instance.lease_left.is_some() && instance.audited.is_some());
    let version = instance.version.as_ref().unwrap();
    assert!(version.starts_with("0."), "{version}");
    let caches = instance
        .caches
        .iter()
        .filter(|(name, _)| *name == "doctor-people");
    assert_eq!(
        caches.map(|(_, kind)| &**kind).collect::<Vec<_>>(),
        ["coherent"]
    );
    let fingerprint = &instance.schemas[CHANNEL];
    let text = diagnosis.to_string();
    for line in [
        "bot-7: lease ends in ".to_owned(),
        "  cache doctor-people (coherent)".to_owned(),
        format!("  channel {CHANNEL}: events {fingerprint}"),
    ] {
        assert!(text.contains(&line), "{text}");
    }
    let json: Value = serde_json::from_str(&diagnosis.to_json()).unwrap();
    assert_eq!(json["well"], true);
    assert_eq!(json["instances"][0]["schemas"][CHANNEL], **fingerprint);
    assert_eq!(json["checks"][0]["outcome"], "passed");
    drop(cache);
    there.close().await;
    let diagnosis = bus.doctor().await;
    assert_eq!(diagnosis.instances[0].lease_left, None, "{diagnosis}");
}

/// As in containers, where every process may have the same number.
#[tokio::test]
async fn instances_of_one_name_are_all_there() {
    let server = Server::start().await;
    let mut instances = Vec::new();
    for _ in 0..2 {
        let named = Bus::redis(server.url())
            .name("bot")
            .connect()
            .await
            .unwrap();
        instances.push(People::new(&named).events());
        named.ready().await.unwrap();
        named.audit().await.unwrap();
    }
    let bus = bus(&server);
    let listed = async || bus.doctor().await;
    let both = |diagnosis: &Diagnosis| {
        let listed = diagnosis.instances.iter();
        listed
            .filter(|instance| instance.lease_left.is_some())
            .count()
            == 2
    };
    let diagnosis = eventually("both to be listed", listed, both).await;
    assert!(
        diagnosis
            .instances
            .iter()
            .all(|instance| instance.name == "bot")
    );
    // One process has audited; for which of them is not known.
    assert_eq!(diagnosis.instances.len(), 3, "{diagnosis}");
}

/// Whoever may write to the list must not write to the terminal.
#[tokio::test]
async fn names_of_instances_are_printable() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let (now, _): (u64, u64) = admin.run(&["TIME"]).await;
    let until = ((now + 3600) * 1000).to_string();
    let element = "00000000000000ff bot\u{1b}[2J";
    let list = ["ZADD", "cache-runtime:instances", &until, element];
    admin.run::<()>(&list).await;
    let diagnosis = bus(&server).doctor().await;
    let names = diagnosis.instances.iter().map(|instance| &*instance.name);
    assert_eq!(names.collect::<Vec<_>>(), [r"bot\u{1b}[2J"]);
}

/// The server answers, and no message comes back.
#[tokio::test]
async fn messages_that_do_not_come_back_are_told_in_time() {
    let server = Server::start().await;
    let relay = Relay::to(server.port()).await;
    relay.lose_messages(true);
    let moment = Duration::from_millis(300);
    let bus = Bus::redis(relay.url())
        .lease(moment)
        .heartbeat(moment / 4)
        .connect_timeout(moment)
        .response_timeout(moment);
    let diagnosis = bus.connect_lazy().unwrap().doctor().await;
    let (outcome, text) = found(&diagnosis, "events");
    assert_eq!(outcome, Outcome::Failed, "{diagnosis}");
    assert!(text.starts_with("not live within "), "{text}");
}

/// As in a rolling deployment that changes events.
#[tokio::test]
async fn instances_with_different_events() {
    let server = Server::start().await;
    let bus = bus(&server);
    // What an instance of another program would leave.
    let record = format!(
        r#"{{"instance":"bot-8\u001b[2J","ttlCaches":[],"evicts":{{}},"schemas":{{"{CHANNEL}":"0123"}}}}"#
    );
    let keyspace = cache_runtime::__private::Keyspace::new(&bus);
    let minute = Duration::from_secs(60);
    let exchanged = keyspace.exchange_records("other", record.as_bytes(), minute, 9);
    exchanged.await.unwrap();
    let diagnosis = bus.doctor().await;
    let (outcome, text) = found(&diagnosis, &format!("events of {CHANNEL}"));
    assert_eq!(outcome, Outcome::Doubtful);
    assert!(
        text.starts_with("instances have different events: 0123 (bot-8\\u{1b}[2J), "),
        "{text}"
    );
    assert!(text.contains("(this program)"), "{text}");
    assert!(diagnosis.is_well());
}

#[tokio::test]
async fn rights_that_are_missing() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let rules = "ACL SETUSER app on >word ~* resetchannels &cache-runtime:canary:* +@all -evalsha";
    let rules: Vec<_> = rules.split(' ').collect();
    admin.run::<()>(&rules).await;
    let bus = Bus::redis(server.url_as("app", "word"))
        .connect_lazy()
        .unwrap();
    let diagnosis = bus.doctor().await;
    assert!(!diagnosis.is_well());
    let (outcome, text) = found(&diagnosis, &format!("channel {CHANNEL}"));
    assert_eq!(outcome, Outcome::Failed);
    assert!(text.contains(&format!("&{CHANNEL}")), "{text}");
    let (outcome, text) = found(&diagnosis, "keys");
    assert_eq!(outcome, Outcome::Doubtful);
    assert!(
        text.contains("evalsha") && text.ends_with("does no harm"),
        "{text}"
    );
    assert_eq!(check(&diagnosis, "events").outcome, Outcome::Passed);
}

#[tokio::test]
async fn servers_that_cannot_be_used() {
    let mut server = Server::start().await;
    let admin = server.admin().await;
    let bus = bus(&server);
    admin.run::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let diagnosis = bus.doctor().await;
    let (outcome, text) = found(&diagnosis, "server");
    assert_eq!(outcome, Outcome::Failed);
    assert!(text.contains("replica") || text.contains("slave"), "{text}");
    server.kill9();
    let diagnosis = bus.doctor().await;
    assert_eq!(diagnosis.checks.len(), 1, "{diagnosis}");
    let (outcome, text) = found(&diagnosis, "server");
    assert_eq!(outcome, Outcome::Failed);
    assert!(text.contains("cannot be reached"), "{text}");
    assert!(
        diagnosis.to_string().starts_with("failed    server: "),
        "{diagnosis}"
    );
}
