//! What a server that cannot be used says, and that nobody waits for it without a bound.

use std::net::Ipv4Addr;
use std::time::Duration;

use cache_runtime::bus::{Cause, Health};
use cache_runtime::{Bus, RedisCache};
use support::{Server, eventually, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::fixture::{Users, builder};

#[tokio::test]
async fn too_many_clients_is_what_the_server_says() {
    let server = Server::builder().option("maxclients", "3").start().await;
    let mut others = Vec::new();
    // The server closes a connection beyond the limit, after it has said why.
    let full = async |others: &mut Vec<TcpStream>| {
        let mut other = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port()))
            .await
            .unwrap();
        other.write_all(b"PING\r\n").await.unwrap();
        let mut said = [0; 64];
        let length = other.read(&mut said).await.unwrap();
        others.push(other);
        said[..length].starts_with(b"-ERR max number of clients")
    };
    while !full(&mut others).await {}

    let error = within("an answer", builder(&server.url()).connect()).await;
    let error = error.unwrap_err();
    assert!(matches!(error.cause(), Cause::Server(_)), "{error:?}");
    let text = format!("{error:#}");
    assert!(text.contains("ERR max number of clients reached"), "{text}");
    drop(others);
}

/// Passes bytes on, and asks for RESP2 where the client asks for RESP3, as old proxies do.
async fn downgrade(mut client: TcpStream, port: u16) {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        let mut bytes = vec![0; 4096];
        while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
            let (asked, instead) = (b"HELLO\r\n$1\r\n3", b"HELLO\r\n$1\r\n2");
            let sent = &mut bytes[..length];
            while let Some(at) = sent.windows(asked.len()).position(|part| part == asked) {
                sent[at..at + asked.len()].copy_from_slice(instead);
            }
            if to_server.write_all(sent).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}

#[tokio::test]
async fn an_answer_in_resp2_is_reported_and_nobody_waits() {
    let server = Server::start().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let port = server.port();
    let proxy = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            connections.spawn(downgrade(client, port));
        }
    });

    let error = within("an answer", builder(&url).connect())
        .await
        .unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("answers `HELLO 3` in RESP2"), "{text}");

    let bus = builder(&url).connect_lazy().unwrap();
    let users = Users::new(&bus);
    let _guard = users.subscribe(|_| ());
    let error = within("a cause", bus.ready()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Version(_)), "{error:?}");
    let error = within("an answer", users.invalidate_all())
        .await
        .unwrap_err();
    assert!(
        matches!(error.cause(), Some(Cause::Version(_))),
        "{error:?}"
    );
    let checked = within("an answer", bus.check()).await;
    assert!(matches!(checked, Err(Cause::Version(_))), "{checked:?}");
    proxy.abort();
}

#[tokio::test]
async fn check_tells_whether_a_process_that_only_publishes_can_publish_now() {
    let mut server = Server::start().await;
    let bus = builder(&server.url()).connect_lazy().unwrap();
    assert_eq!(bus.check().await, Ok(()));
    assert_eq!(bus.health(), Health::Idle);

    server.freeze();
    let checked = within("an answer", bus.check()).await;
    assert!(matches!(checked, Err(Cause::Timeout(_))), "{checked:?}");
    server.thaw();
    eventually("the answer", async || bus.check().await, Result::is_ok)
        .await
        .unwrap();

    server.kill9();
    let checked = within("an answer", bus.check()).await;
    assert!(matches!(checked, Err(Cause::Unreachable(_))), "{checked:?}");
    assert_eq!(bus.health(), Health::Idle);
}

#[tokio::test]
async fn check_asks_the_connection_for_values_too() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url())
        .response_timeout(Duration::from_millis(800))
        .connect()
        .await
        .unwrap();
    let texts = RedisCache::<String>::builder(&bus, "texts", Duration::from_secs(60))
        .build()
        .unwrap();
    texts.insert("a", "A".to_owned()).await.unwrap();
    assert_eq!(bus.check().await, Ok(()));
    // Both connections are asked anew after they were cut.
    let admin = server.admin().await;
    admin.run::<()>(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    eventually("the answer", async || bus.check().await, Result::is_ok)
        .await
        .unwrap();
    server.freeze();
    assert!(within("an answer", bus.check()).await.is_err());
    server.thaw();
}
