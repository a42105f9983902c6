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
    builder(url).name("bot").connect().await.unwrap()
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
        let (users, stored) = (users.clone(), stored.clone());
        let working = tokio::spawn(async move {
            for id in 0..MANY as u64 {
                users.invalidate_user(id).await.unwrap();
                stored.get("a").await.unwrap();
            }
        });
        working.await.unwrap();
        nearby(&admin).await
    };
    let both = ["bot:publish-nearby", "bot:values-nearby"];
    let has_both = |names: &Vec<String>| names == &both;
    eventually("both connections", work, has_both).await;

    relay.move_connections(name, second.port());
    relay.redirect(second.port());
    let moved = |health: &Health| *health == Health::Down(Cause::AnotherServer);
    until("the move to be noticed", &mut health, moved).await;
    until("all to be on one server", &mut health, Health::is_live).await;
    assert_eq!(nearby(&admin).await, [""; 0]);
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
    let bus = builder(&server.url()).name("bot").connect_lazy().unwrap();
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
    program.block_on(async { drop(bus) });
    servers.block_on(async { drop(server) });
}
