//! Which commands are sent again when their answer is lost.

use cache_runtime::__private::{Acquired, Keyspace, Seek};
use cache_runtime::bus::Cause;
use support::{Admin, Client, Direction, Proxy, Server, eventually, within};

use crate::backend::{LONG, entry};
use crate::redis::{all_operations, patient};
use crate::tokens::token;

/// Runs an operation while the network swallows the answer to its command, and then breaks.
async fn lose_answer<T>(
    command: &str,
    operation: impl AsyncFnOnce(&Keyspace) -> T,
) -> (T, Admin, Server) {
    let server = Server::start().await;
    let admin = server.admin().await;
    let proxy = Proxy::to(server.port()).await;
    let kv = patient(&proxy.url()).await;
    // Makes all scripts known to the server.
    all_operations(&kv).await.unwrap();
    admin.run::<()>(&["SET", "key", "value"]).await;
    admin.run::<()>(&["CONFIG", "RESETSTAT"]).await;
    let clients = admin.clients().await;
    let client = clients
        .iter()
        .find(|client| client.get("name").ends_with(":values"));
    let client = client.expect("there is a connection for values");

    proxy.black_hole(Direction::ToClient);
    let fault = async {
        let calls = async || admin.calls(command).await;
        eventually("the command to be run", calls, |calls| *calls == 1).await;
        proxy.cut();
        let clients = async || admin.clients().await;
        let other = |clients: &Vec<Client>| clients.iter().all(|c| c.get("id") != client.get("id"));
        eventually("the connection to end", clients, other).await;
        proxy.heal();
    };
    let both = async { tokio::join!(operation(&kv), fault) };
    let (result, ()) = within("an answer", both).await;
    (result, admin, server)
}

#[tokio::test]
async fn reading_is_sent_again() {
    let get = async |kv: &Keyspace| kv.get("key").await;
    let (found, admin, _server) = lose_answer("get", get).await;
    assert_eq!(found, Ok(Some(b"value".to_vec())));
    assert_eq!(admin.calls("get").await, 2);
}

#[tokio::test]
async fn setting_is_not_sent_again() {
    let set = async |kv: &Keyspace| kv.set("key", b"new", LONG).await;
    let (set, admin, _server) = lose_answer("set", set).await;
    assert!(matches!(set, Err(Cause::Unreachable(_))), "{set:?}");
    assert_eq!(admin.calls("set").await, 1);
    let found: String = admin.run(&["GET", "key"]).await;
    assert_eq!(found, "new");
}

#[tokio::test]
async fn deleting_what_is_equal_is_not_sent_again() {
    let delete = async |kv: &Keyspace| kv.delete_if_equal("key", b"value").await;
    let (deleted, admin, _server) = lose_answer("evalsha", delete).await;
    assert!(matches!(deleted, Err(Cause::Unreachable(_))), "{deleted:?}");
    assert_eq!(admin.calls("evalsha").await, 1);
    assert_eq!(admin.calls("del").await, 1);
}

#[tokio::test]
async fn filling_is_not_sent_again() {
    let server = Server::start().await;
    let names = entry("a");
    let fill = async |kv: &Keyspace| {
        // Acquired on another server, so that only the fill is counted.
        let held = token(&patient(&server.url()).await, &names).await;
        kv.fill(&held, b"value", LONG).await
    };
    let (filled, admin, _server) = lose_answer("evalsha", fill).await;
    assert!(matches!(filled, Err(Cause::Unreachable(_))), "{filled:?}");
    assert_eq!(admin.calls("evalsha").await, 1);
}

#[tokio::test]
async fn what_was_set_without_an_answer_is_known_again() {
    let set = async |kv: &Keyspace| kv.set_if_absent("new key", b"a nonce", LONG).await;
    let (found, admin, _server) = lose_answer("set", set).await;
    assert_eq!(found, Ok(None), "it is one's own");
    assert_eq!(admin.calls("set").await, 2);
    let found: String = admin.run(&["GET", "new key"]).await;
    assert_eq!(found, "a nonce");
}

#[tokio::test]
async fn a_token_without_an_answer_is_known_again() {
    let acquire = async |kv: &Keyspace| kv.acquire(&entry("a"), Seek::Missing, LONG).await;
    let (acquired, admin, _server) = lose_answer("evalsha", acquire).await;
    assert!(matches!(acquired, Ok(Acquired::Token(_))), "{acquired:?}");
    assert_eq!(admin.calls("evalsha").await, 2);
}
