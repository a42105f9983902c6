//! A server that is reached over IPv6.

use cache_runtime::bus::Cause;
use support::Server;

use crate::fixture::{Instance, UserEvent, builder};

/// It needs the loopback address of IPv6. Without it, the server does not start, and its log says so.
#[tokio::test]
async fn an_address_in_brackets_is_used() {
    let server = Server::builder().option("bind", "127.0.0.1 ::1");
    let server = server.start().await;
    let url = format!("redis://[::1]:{}", server.port());
    let (writer, reader) = (
        Instance::start(builder(&url)).await,
        Instance::start(builder(&url)).await,
    );
    let event = UserEvent::User { user_id: 1 };
    writer.users.publish(&event).await.unwrap();
    let expected = |seen: &[UserEvent]| seen.contains(&event);
    reader.handler.until("the event", expected).await;
    let clients = server.admin().await.clients().await;
    assert!(clients.len() >= 4, "{clients:?}");
    assert!(
        clients
            .iter()
            .all(|client| client.get("addr").starts_with("[::1]:"))
    );

    // Its errors name the address as it is written.
    let none = Server::start().await;
    let url = format!("redis://[::1]:{}", none.port());
    let error = builder(&url).connect().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Unreachable(_)), "{error:?}");
    let text = format!("{error:#}");
    assert!(text.contains(&format!("[::1]:{}", none.port())), "{text}");
}
