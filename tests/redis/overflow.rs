//! The server closes a subscriber that does not read fast enough.

use support::{Direction, Proxy, Server, eventually};

use crate::fixture::{Users, Watched, builder, patient};

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
    watched.handler.clear();
    proxy.heal();
    watched.told().await;
    watched.live().await;
    watched.passes(&users, 1).await;
}
