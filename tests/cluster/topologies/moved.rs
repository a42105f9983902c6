//! An address leads to another server, and the sockets stay: all connections at once, one kind of them
//! before the others, or those of one instance before those of the other.

use std::time::Duration;

use support::{Relay, Server, eventually, in_turn, role};

use super::READS;
use crate::place::Place;
use crate::reader;
use crate::run::{Run, duration};

/// The connections that are moved at least a heartbeat before the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum First {
    All,
    Publish,
    Values,
    Events,
    Writer,
    Reader,
}

impl First {
    fn name(self) -> &'static str {
        match self {
            Self::All | Self::Writer | Self::Reader => "",
            Self::Publish => ":publish",
            Self::Values => ":values",
            Self::Events => ":events",
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_too_old_while_an_address_moves() {
    if role().is_some() {
        return reader::play().await;
    }
    let mut run = Run::new("topologies::moved::no_read_is_too_old_while_an_address_moves");
    // A replica is not to wait for others that begin at the same time.
    let server = || Server::builder().option("repl-diskless-sync-delay", "0");
    let servers = [server().start().await, server().start().await];
    let port = servers[0].port().to_string();
    let follow = ["REPLICAOF", "127.0.0.1", &port];
    servers[1].admin().await.run::<()>(&follow).await;
    let port = servers[0].port();
    let (for_writer, for_reader) = (Relay::to(port).await, Relay::to(port).await);
    let [writer, reader] = [&for_writer, &for_reader].map(|relay| Place::at(relay.url()));
    run.start(&[("reader", &reader)], &writer, READS).await;
    let mut primary = 0;
    let faults = [
        First::All,
        First::Publish,
        First::Writer,
        First::Reader,
        First::Values,
        First::Events,
    ];
    let caused = in_turn(faults, duration(Duration::ZERO), async |first| {
        run.calm().await;
        run.step(format_args!("server {primary} is the primary"));
        run.fault(first);
        let (old, new) = (&servers[primary], &servers[1 - primary]);
        hand_over(old, new).await;
        let port = new.port();
        let relays = [&for_writer, &for_reader];
        let some = match first {
            First::Writer => &relays[..1],
            First::Reader => &relays[1..],
            _ => &relays,
        };
        for (relays, name) in [(some, first.name()), (&relays, "")] {
            for relay in relays {
                relay.redirect(port);
                relay.move_connections(name, port);
            }
            heartbeat(relays).await;
        }
        let moved = for_writer.moved() + for_reader.moved();
        run.step(format_args!("{moved} connections were moved so far"));
        primary = 1 - primary;
    })
    .await;
    assert!(for_writer.moved() > 0 && for_reader.moved() > 0);
    run.end_of_losses(&caused).await;
}

/// Waits until the instances behind these relays have sent two canaries: a heartbeat lies between them.
async fn heartbeat(relays: &[&Relay]) {
    let canaries = || relays.iter().map(|relay| relay.canaries());
    let before: Vec<_> = canaries().collect();
    let since = async || {
        canaries()
            .zip(&before)
            .map(|(now, before)| now - before)
            .min()
    };
    eventually("a heartbeat", since, |least| *least >= Some(2)).await;
}

/// Makes the replica the primary, and the primary its replica, without losing a write. This has begun
/// when it returns.
async fn hand_over(old: &Server, new: &Server) {
    let (admin, port) = (old.admin().await, new.port().to_string());
    let command = ["FAILOVER", "TO", "127.0.0.1", &port];
    let starts = async || admin.try_run::<()>(&command).await;
    let started = eventually("the replica to be in step", starts, Result::is_ok).await;
    started.expect("it has started");
}
