//! What the supervisor sends to prove that events arrive, and to tell publishers that they have: the
//! canaries of this instance, and the answers to the fences of others.

use std::sync::Arc;

use super::fences::{Acknowledgement, Message, canary_of};
use super::inbox::{Signal, Told};
use super::supervisor::Supervisor;
use crate::backoff::Backoff;
use crate::defaults::{BACKOFF_MAX, BACKOFF_MIN};
use crate::health::Cause;
use crate::link::{Input, Side};
use crate::random;
use crate::server_info::ServerInfo;
use crate::slot::slot_of;
use crate::transport::{Answer, Canary};

/// The most acknowledgements of fences that are on their way. Further fences are not answered, so
/// that their publishers wait for the end of a lease.
const MOST_ACKNOWLEDGED: usize = 1024;

impl Supervisor {
    /// A message on the channel of fences.
    pub(super) fn fenced(&mut self, payload: &[u8]) {
        match Message::read(payload) {
            Some(Message::Unlisted) => self.fences.unlisted(self.lease.now()),
            Some(Message::Fence {
                publisher,
                number,
                unanswered,
            }) => {
                if unanswered.contains(&self.listing.id) {
                    self.feed(Input::Unanswered);
                }
                self.acknowledge(publisher, number);
            }
            None => {}
        }
    }

    /// Tells the publisher of a fence that every event before it is applied.
    fn acknowledge(&mut self, publisher: u64, number: u64) {
        let acknowledgement = Acknowledgement {
            number,
            id: self.listing.id,
            name: &self.listing.name,
        };
        if publisher == self.listing.id {
            return self.fences.acknowledged(&acknowledgement);
        }
        while self.acknowledging.try_join_next().is_some() {}
        if self.acknowledging.len() < MOST_ACKNOWLEDGED {
            let (transport, canary) =
                (self.transport.clone(), canary_of(&self.canaries, publisher));
            let payload = acknowledgement.write();
            let (lease, driver) = (self.listing.lease, self.driver.clone());
            self.acknowledging.spawn(self.driver.track(async move {
                let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX, random::number());
                let sending = async {
                    loop {
                        let sent = transport.publish(&canary, &payload, &[]).await;
                        if sent.and_then(|sent| sent.receivers).is_ok() {
                            return;
                        }
                        driver.sleep(backoff.next()).await;
                    }
                };
                // After that, the publisher no longer waits for this instance.
                let _ = driver.timeout(lease, sending).await;
            }));
        }
    }

    /// Publishes a canary on one connection, and asks for the server's role and identity on all.
    pub(super) fn send_canary(&mut self, number: u64) {
        let (transport, channel) = (self.transport.clone(), Arc::clone(&self.canary));
        let (fence, listing) = (Arc::clone(&self.fence), Arc::clone(&self.listing));
        let (is_node, slots) = (self.is_node, self.slots());
        let (fences, lease) = (Arc::clone(&self.fences), Arc::clone(&self.lease));
        let published = async move {
            let payload = number.to_string().into_bytes();
            // Nobody reads the list in a cluster, where every lease is waited for.
            let listed = (!is_node).then(|| (&*listing, fences.proven()));
            let canary = Canary {
                channel: &channel,
                payload,
                listing: listed,
                slots: &slots,
            };
            let answer = transport.publish_canary(canary).await?;
            match answer.listed {
                None => {}
                Some(Ok(time)) => fences.listed(number, time),
                Some(Err(cause)) => {
                    fences.not_listed(&cause);
                    // The canary is complete only when the others know that this instance may be
                    // live. One message in half a lease is enough for all that are not listed.
                    if !fences.is_unlisted_within(listing.lease / 2, lease.now()) {
                        let unlisted = Message::Unlisted.write();
                        let unlisted = transport.publish(&fence, &unlisted, &[]);
                        unlisted.await?.receivers?;
                    }
                }
            }
            Ok((answer.server, answer.connection))
        };
        self.tell(number, Side::Commands, Answer::Later(Box::pin(published)));
        let generation = self.generation;
        for asking in self.transport.ask_others() {
            let inbox = Arc::clone(&self.inbox);
            self.tasks.spawn(self.driver.track(async move {
                if let Some((server, connection)) = asking.await {
                    let told = Told {
                        canary: number,
                        side: Side::Other,
                        connection,
                        server,
                    };
                    inbox.push(Signal::Server(generation, told));
                }
            }));
        }
        let Some(connection) = &self.connection else {
            return;
        };
        let answer = match connection.ask() {
            Answer::Now(answer) => Answer::Now(answer.map(|server| (server, generation))),
            Answer::Later(answer) => {
                let numbered = async move { answer.await.map(|server| (server, generation)) };
                Answer::Later(Box::pin(numbered) as _)
            }
        };
        self.tell(number, Side::Events, answer);
    }

    /// The slots that the node has to serve, if it does not tell by itself when it loses one: that of the
    /// canary, and those of the subscribed channels.
    fn slots(&self) -> Vec<u16> {
        if !self.transport.is_broadcast() {
            return Vec::new();
        }
        let channels = self.channels.iter();
        let subscribed = channels.filter(|(id, _)| self.link.is_subscribed(**id));
        let names = subscribed.map(|(_, (channel, _))| channel.name());
        let mut slots: Vec<_> = names
            .chain([&self.canary])
            .map(|name| slot_of(name))
            .collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Passes the server's answer to the link.
    fn tell(&mut self, canary: u64, side: Side, answer: Answer<Result<(ServerInfo, u64), Cause>>) {
        let (inbox, generation) = (Arc::clone(&self.inbox), self.generation);
        let signal = move |answer| match answer {
            Ok((server, connection)) => Signal::Server(
                generation,
                Told {
                    canary,
                    side,
                    connection,
                    server,
                },
            ),
            Err(cause) => Signal::CanaryFailed(generation, cause),
        };
        match answer {
            Answer::Now(answer) => {
                inbox.push(signal(answer));
            }
            Answer::Later(answer) => {
                self.tasks.spawn(self.driver.track(async move {
                    let _ = inbox.push(signal(answer.await));
                }));
            }
        }
    }
}
