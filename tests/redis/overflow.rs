//! The server closes a subscriber that does not read fast enough.

use support::{Direction, Proxy, Server, eventually};

use crate::fixture::{UserEvent, Users, Watched, builder, patient};

#[tokio::test]
async fn of_the_servers_output_buffer_is_a_loss() {
    let server = Server::builder();
    let server = server.option("client-output-buffer-limit", "pubsub 1mb 0 0");
    let server = server.start().await;
    let admin = server.admin().await;
    let proxy = Proxy::to(server.port()).await;
    // Patient, so that only the closed connection reveals the loss.
    let bus = patient(builder(&proxy.url())).connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;

    proxy.black_hole(Direction::ToClient);
    let event = format!(r#"{{"type":"name","name":"{}"}}"#, "n".repeat(32 * 1024));
    let flood = async || {
        for _ in 0..64 {
            admin.publish("cache:users", &event).await;
        }
        admin.subscribers("cache:users").await
    };
    eventually("the server to close the subscriber", flood, |count| {
        *count == 0
    })
    .await;
    watched.forget();
    proxy.heal();
    watched.told().await;
    // The flood alone may fill queues. On the connection that was closed, the channel is not live again.
    let lost = |events: &[(UserEvent, bool)]| events.contains(&(UserEvent::All, false));
    watched.inline.until("the loss", lost).await;
    watched.live().await;
    watched.passes(&users, 1).await;
}
