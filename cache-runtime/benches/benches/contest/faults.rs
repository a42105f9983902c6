//! Connections and servers that fail, and how long a reader goes on with what it has cached.

use std::time::{Duration, Instant};

use support::{Direction, Proxy, Relay, Server, eventually};
use tokio::time::sleep;

use super::contender::{Contender, Reader, Writer};

const KEY: &str = "fault";
/// Time between two reads.
const PAUSE: Duration = Duration::from_millis(5);
const CUT_FOR: Duration = Duration::from_secs(5);
const SILENT_FOR: Duration = Duration::from_secs(20);
const DEMOTED_FOR: Duration = Duration::from_secs(5);
/// Long enough for whatever a contender does after it has connected.
const SETTLING: Duration = Duration::from_millis(1500);

/// The connections are closed, and the value changes at once.
pub(crate) async fn cut<C: Contender>(server: &Server) -> String {
    let proxy = Proxy::to(server.port()).await;
    let (mut reader, mut writer) = pair::<C>(&proxy.url(), &server.url()).await;
    proxy.cut();
    writer.write(&values(2)).await.expect("it can be written");
    stale_for(&mut reader, CUT_FOR).await
}

/// The network loses everything that the reader sends and is sent, and closes nothing.
pub(crate) async fn silent<C: Contender>(server: &Server) -> String {
    let proxy = Proxy::to(server.port()).await;
    let (mut reader, mut writer) = pair::<C>(&proxy.url(), &server.url()).await;
    proxy.black_hole(Direction::Both);
    writer.write(&values(2)).await.expect("it can be written");
    stale_for(&mut reader, SILENT_FOR).await
}

/// The connections of the writer stay at a server that has become a replica of the reader's. The
/// database is elsewhere, if the contender has one.
pub(crate) async fn demoted<C: Contender>() -> String {
    let (old, new, database) = (
        Server::start().await,
        Server::start().await,
        Server::start().await,
    );
    let relay = Relay::to(old.port()).await;
    let mut writer = C::writer(&relay.url(), &database.url()).await;
    writer.write(&values(1)).await.expect("it can be written");

    let (old_admin, new_admin) = (old.admin().await, new.admin().await);
    follow(&new_admin, &old).await;
    new_admin.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    relay.redirect(new.port());
    let mut reader = C::reader(&new.url(), &database.url(), None).await;
    cache(&mut reader).await;
    follow(&old_admin, &new).await;

    if let Err(error) = writer.write(&values(2)).await {
        if !C::LOADS {
            // Nothing was changed.
            return "0, the write is refused".to_owned();
        }
        println!("{}: {error}", C::NAME);
    }
    stale_for(&mut reader, DEMOTED_FOR).await
}

async fn follow(admin: &support::Admin, primary: &Server) {
    let port = primary.port().to_string();
    admin.run::<()>(&["REPLICAOF", "127.0.0.1", &port]).await;
    let replication = async || admin.run::<String>(&["INFO", "replication"]).await;
    let follows = |info: &String| info.contains("master_link_status:up");
    eventually("the replica to follow", replication, follows).await;
}

fn values(value: u64) -> [(String, u64); 1] {
    [(KEY.to_owned(), value)]
}

/// A reader that has cached the first value, and the writer.
async fn pair<C: Contender>(link: &str, server: &str) -> (C::Reader, C::Writer) {
    let mut writer = C::writer(server, server).await;
    writer.write(&values(1)).await.expect("it can be written");
    let mut reader = C::reader(link, server, None).await;
    cache(&mut reader).await;
    (reader, writer)
}

async fn cache<R: Reader>(reader: &mut R) {
    sleep(SETTLING).await;
    for _ in 0..2 {
        assert_eq!(reader.read(KEY).await, Ok(Some(1)));
    }
}

/// Reads until something else than the first value is returned, or this time is over.
async fn stale_for<R: Reader>(reader: &mut R, most: Duration) -> String {
    let changed = Instant::now();
    let mut stale = None;
    loop {
        let age = changed.elapsed();
        if reader.read(KEY).await != Ok(Some(1)) {
            break;
        }
        stale = Some(age);
        if age > most {
            return format!("all {} s", most.as_secs());
        }
        sleep(PAUSE).await;
    }
    stale.map_or_else(
        || "0".to_owned(),
        |stale| format!("{:.2} s", stale.as_secs_f64()),
    )
}
