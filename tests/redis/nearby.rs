//! Connections that the program's runtimes drive.

use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use cache_runtime::bus::{Cause, Health};
use cache_runtime::{Bus, RedisCache};
use support::{Admin, Relay, Server, block_on, eventually, until};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::fixture::{Users, builder, patient, user};

const LONG: Duration = Duration::from_secs(3600);
/// Of which a request on a connection nearby has a quarter: enough for a slow machine.
const LIMIT: Duration = Duration::from_secs(8);
/// More than enough to make a runtime busy, if they take less than a second.
const MANY: usize = 256;

fn runtime() -> Runtime {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap()
}

/// The names of the connections nearby.
async fn nearby(admin: &Admin) -> Vec<String> {
    let clients = admin.clients().await;
    let names = clients.iter().map(|client| client.get("name").to_owned());
    let mut names: Vec<_> = names.filter(|name| name.ends_with("-nearby")).collect();
    names.sort();
    names
}

/// Publishes many events in the runtime of the caller, until it has a connection of its own.
async fn publish_many(users: &Users, admin: &Admin) {
    let publish = async || {
        let mut publishing = JoinSet::new();
        for id in 0..MANY as u64 {
            let users = users.clone();
            publishing.spawn(async move { users.invalidate_user(id).await.unwrap() });
        }
        publishing.join_all().await;
        nearby(admin).await
    };
    let has_one = |names: &Vec<String>| names == &["bot:publish-nearby"];
    eventually("a connection nearby", publish, has_one).await;
}

async fn connect(url: &str) -> Bus {
    builder(url)
        .response_timeout(LIMIT)
        .name("bot")
        .connect()
        .await
        .unwrap()
}

/// Reads and publishes until the runtime has both connections, and then moves one of them.
async fn moves(name: &'static str) {
    let (first, second) = (Server::start().await, Server::start().await);
    let admin = first.admin().await;
    let relay = Relay::to(first.port()).await;
    let bus = patient(builder(&relay.url()).name("bot"));
    let bus = bus.connect().await.unwrap();
    let users = Users::new(&bus);
    let mut health = users.watch_health();
    let _events = users.events();
    let stored = RedisCache::<String>::builder(&bus, "stored", LONG).build();
    let stored = stored.unwrap();
    bus.ready().await.unwrap();
    let work = async || {
        let mut working = JoinSet::new();
        for id in 0..MANY as u64 {
            let (users, stored) = (users.clone(), stored.clone());
            working.spawn(async move {
                users.invalidate_user(id).await.unwrap();
                stored.get("a").await.unwrap();
            });
        }
        working.join_all().await;
        nearby(&admin).await
    };
    let both = ["bot:publish-nearby", "bot:values-nearby"];
    let has_both = |names: &Vec<String>| names == &both;
    eventually("both connections", work, has_both).await;

    let before = relay.accepted();
    relay.move_connections(name, second.port());
    relay.redirect(second.port());
    // The health may be live again before it is looked at.
    let accepted = async || relay.accepted();
    eventually("new connections", accepted, |now| *now > before).await;
    until("all to be on one server", &mut health, Health::is_live).await;
    let names = async || nearby(&admin).await;
    eventually("no connection nearby", names, Vec::is_empty).await;
    let hears_itself = async || {
        let receipt = users.publish(&user(1)).await;
        receipt.is_ok_and(|receipt| receipt.receivers() == 1)
    };
    eventually("the bus to hear itself", hears_itself, |hears| *hears).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_publishing_that_a_balancer_moves_take_the_others_with_them() {
    moves(":publish-nearby").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_values_that_a_balancer_moves_take_the_others_with_them() {
    moves(":values-nearby").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_with_the_bus() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    publish_many(&users, &admin).await;
    bus.close().await;
    let ended = async || admin.clients().await.len();
    eventually("no connection", ended, |clients| *clients == 0).await;
    let error = users.invalidate_user(1_u64).await.unwrap_err();
    assert_eq!(error.cause(), Some(&Cause::Closed));
}

#[test]
fn end_with_their_runtime_and_the_bus_goes_on() {
    let servers = runtime();
    let server = servers.block_on(Server::start());
    let admin = servers.block_on(server.admin());
    let bus = builder(&server.url()).response_timeout(LIMIT).name("bot");
    let bus = bus.connect_lazy().unwrap();
    let users = Users::new(&bus);
    for _ in 0..2 {
        let runtime = runtime();
        runtime.block_on(async {
            // Of the servers' runtime, because this one ends.
            let admin = server.admin().await;
            publish_many(&users, &admin).await;
        });
        drop(runtime);
        servers.block_on(async {
            let names = async || nearby(&admin).await;
            eventually("no connection nearby", names, Vec::is_empty).await;
        });
    }
    servers.block_on(async {
        users.invalidate_user(1_u64).await.unwrap();
        drop((server, bus));
    });
}

/// Each worker waits for a publication, so none drives the connection.
#[test]
fn that_nobody_drives_delay_no_request_for_long() {
    let servers = runtime();
    let server = servers.block_on(Server::start());
    let program = runtime();
    let (bus, users) = program.block_on(async {
        let bus = connect(&server.url()).await;
        let users = Users::new(&bus);
        publish_many(&users, &server.admin().await).await;
        (bus, users)
    });
    let (done, is_done) = mpsc::channel();
    let both = Arc::new(Barrier::new(2));
    for _ in 0..2 {
        let (users, both, done) = (users.clone(), Arc::clone(&both), done.clone());
        program.spawn(async move {
            both.wait();
            let published = block_on(async { users.invalidate_user(1_u64).await });
            both.wait();
            done.send(published.map(drop)).unwrap();
        });
    }
    for _ in 0..2 {
        is_done.recv_timeout(support::DEADLINE).unwrap().unwrap();
    }
    // It was given up, and so was in use.
    servers.block_on(async {
        let admin = server.admin().await;
        let names = async || nearby(&admin).await;
        eventually("no connection nearby", names, Vec::is_empty).await;
    });
    program.block_on(async { drop(bus) });
    servers.block_on(async { drop(server) });
}

/// Nothing is subscribed, so no canary asks for the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lead_to_the_server_of_the_connection_for_all_runtimes() {
    let (first, second) = (Server::start().await, Server::start().await);
    let relay = Relay::to(first.port()).await;
    let bus = patient(builder(&relay.url()).name("bot"));
    let bus = bus.connect().await.unwrap();
    let stored = RedisCache::<String>::builder(&bus, "stored", LONG).build();
    let stored = stored.unwrap();
    let admin = first.admin().await;
    let read = async || {
        let mut reading = JoinSet::new();
        for _ in 0..MANY {
            let stored = stored.clone();
            reading.spawn(async move { stored.get("a").await.unwrap() });
        }
        reading.join_all().await;
        nearby(&admin).await
    };
    let has_one = |names: &Vec<String>| names == &["bot:values-nearby"];
    eventually("a connection nearby", read, has_one).await;
    relay.redirect(second.port());
    let mut clients = admin.clients().await;
    clients.retain(|client| client.get("name") == "bot:values");
    let killed: usize = admin
        .run(&["CLIENT", "KILL", "ID", clients[0].get("id")])
        .await;
    assert_eq!(killed, 1);
    let write = async || stored.insert("a", "new".to_owned()).await.is_ok();
    eventually("a new connection", write, |stored| *stored).await;
    assert_eq!(stored.get("a").await.unwrap().as_deref(), Some("new"));
}

/// The attempt to connect panics there.
#[test]
fn are_not_needed_by_a_runtime_without_io() {
    let servers = runtime();
    let server = servers.block_on(Server::start());
    let bus = builder(&server.url()).response_timeout(LIMIT);
    let users = Users::new(&bus.connect_lazy().unwrap());
    let mut without_io = Builder::new_multi_thread();
    let without_io = without_io.worker_threads(2).build().unwrap();
    for _ in 0..2 {
        let users = users.clone();
        let publishing = without_io.spawn(async move {
            for id in 0..MANY as u64 {
                users.invalidate_user(id).await.unwrap();
            }
        });
        without_io.block_on(publishing).unwrap();
    }
    servers.block_on(async { drop((server, users)) });
}
