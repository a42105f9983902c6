//! A publisher that is cut off: its outbox sends what it has published meanwhile.

use std::time::Duration;

use support::{Direction, Proxy, Server, in_turn, role};
use tokio::time::sleep;

use super::READS;
use crate::caches::LEASE;
use crate::place::Place;
use crate::reader;
use crate::run::{Run, duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    BlackHole,
    /// The server receives what is published, and its answers are lost.
    LostAnswers,
    /// Nothing of what was sent arrives later.
    Cut,
    Restart,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_too_old_when_the_outbox_of_a_publisher_is_empty() {
    if role().is_some() {
        return reader::play().await;
    }
    let mut run =
        Run::new("topologies::outbox::no_read_is_too_old_when_the_outbox_of_a_publisher_is_empty");
    let mut server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let (reader, writer) = (Place::at(server.url()), Place::at(proxy.url()));
    run.start(&[("reader", &reader)], &writer, READS).await;
    let faults = [
        Fault::BlackHole,
        Fault::Cut,
        Fault::LostAnswers,
        Fault::Restart,
    ];
    let caused = in_turn(faults, duration(Duration::ZERO), async |fault| {
        run.calm().await;
        run.fault(fault);
        let silence = async |direction| {
            proxy.black_hole_during(direction, sleep(LEASE * 2)).await;
        };
        match fault {
            Fault::BlackHole => silence(Direction::Both).await,
            Fault::LostAnswers => silence(Direction::ToClient).await,
            Fault::Cut => {
                let cut = async {
                    proxy.cut();
                    sleep(LEASE).await;
                    proxy.cut();
                };
                proxy.black_hole_during(Direction::Both, cut).await;
            }
            Fault::Restart => {
                server.kill9();
                sleep(LEASE).await;
                server.restart().await;
            }
        }
    })
    .await;
    let counts = run.end_of_losses(&caused).await;
    assert!(counts.deferred > 0);
}
