//! What a simulated server does with a request.

use std::sync::Arc;

use super::network::State;
use super::request::{Entry, Reply, Request};
use super::slots::group_of;
use crate::health::Cause;
use crate::remedy::Remedy;
use crate::transport::instances::Fenced;
use crate::transport::wire::{Status, Wire};

impl State {
    /// Carries out a request that has reached a server.
    pub(super) fn execute(&mut self, connection: usize, number: usize, request: Request) -> Reply {
        let server = &mut self.servers[number];
        match request {
            Request::Slots => Reply::Slots(server.view.clone()),
            Request::Hello => Reply::Server(server.info()),
            Request::Subscribe(channels) => {
                let is_here: Vec<_> = channels
                    .iter()
                    .map(|channel| self.serves(number, channel))
                    .collect();
                let server = &mut self.servers[number];
                let subscribe = |(channel, is_here): (Arc<str>, bool)| {
                    let name = channel.as_bytes().into();
                    if !is_here {
                        let cause = Cause::Moved("the slot".into());
                        return Status::Refused {
                            channel: name,
                            cause,
                        };
                    }
                    server
                        .subscribed
                        .entry(channel)
                        .or_default()
                        .insert(connection);
                    Status::Confirmed { channel: name }
                };
                let statuses: Vec<_> = channels.into_iter().zip(is_here).map(subscribe).collect();
                let statuses = statuses.into_iter();
                self.push_all(
                    statuses
                        .map(|status| (connection, Wire::Status(status)))
                        .collect(),
                );
                Reply::Done
            }
            Request::Unsubscribe(channels) => {
                for channel in &channels {
                    if let Some(subscribed) = server.subscribed.get_mut(channel) {
                        subscribed.remove(&connection);
                    }
                }
                let ended = channels.iter().map(|channel| Status::Unsubscribed {
                    channel: channel.as_bytes().into(),
                });
                self.push_all(
                    ended
                        .map(|status| (connection, Wire::Status(status)))
                        .collect(),
                );
                Reply::Done
            }
            Request::Publish { channel, .. } | Request::Canary { channel, .. }
                if !self.serves(number, &channel) =>
            {
                Reply::Moved
            }
            Request::Publish { channel, payload } => {
                let published = Reply::Published(self.publish(number, &channel, &payload));
                if Remedy::PrimaryTakesEvents.applies() {
                    self.if_primary(number, published)
                } else {
                    published
                }
            }
            Request::Canary {
                channel,
                payload,
                listing,
            } => {
                let listed = listing.map(|(entry, proven)| self.list(number, &entry, proven));
                self.publish(number, &channel, &payload);
                let server = self.servers[number].info();
                match listed {
                    // A replica refuses to write.
                    Some(Ok(_)) => self.if_primary(number, Reply::Canary { server, listed }),
                    _ => Reply::Canary { server, listed },
                }
            }
            Request::Fence { channel, payload } => {
                let receivers = self.publish(number, &channel, &payload);
                let instances = Some(self.servers[number].instances());
                let fenced = Fenced {
                    receivers,
                    instances,
                };
                self.if_primary(number, Reply::Fenced(fenced))
            }
            Request::Instances => {
                let instances = Reply::Instances(self.servers[number].instances());
                self.if_primary(number, instances)
            }
            Request::Unlist(id) => {
                self.servers[number].list.remove(id);
                self.replicate_list(number);
                Reply::Done
            }
        }
    }

    /// Whether a server serves the slot of a channel, as far as it knows.
    fn serves(&self, number: usize, channel: &str) -> bool {
        !self.is_cluster || self.servers[number].view.owners[group_of(channel)] == number
    }

    fn if_primary(&self, server: usize, reply: Reply) -> Reply {
        if self.servers[server].is_primary {
            reply
        } else {
            Reply::NotPrimary
        }
    }

    /// Returns how many subscribers the server itself has.
    fn publish(&mut self, number: usize, channel: &Arc<str>, payload: &Arc<[u8]>) -> u64 {
        let pushed = self.servers[number].publish(channel, payload);
        let receivers = pushed.len() as u64;
        self.push_all(pushed);
        for replica in self.replicas_of(number) {
            let (channel, payload) = (Arc::clone(channel), Arc::clone(payload));
            self.replicate(replica, move |replica| replica.publish(&channel, &payload));
        }
        receivers
    }

    fn list(&mut self, number: usize, entry: &Entry, proven: u64) -> Result<u64, Cause> {
        let server = &mut self.servers[number];
        if server.refuses_list {
            return Err(Cause::Refused("the list of instances".into()));
        }
        let now = server.now();
        if server.is_primary {
            server.list.add(entry, proven, now);
            self.replicate_list(number);
        }
        Ok(now)
    }

    fn replicate_list(&mut self, number: usize) {
        for replica in self.replicas_of(number) {
            let list = self.servers[number].list.clone();
            self.replicate(replica, move |replica| {
                replica.list = list;
                Vec::new()
            });
        }
    }

    fn replicas_of(&self, number: usize) -> Vec<usize> {
        if !self.servers[number].is_primary {
            return Vec::new();
        }
        let servers = self.servers.iter().enumerate();
        let replicas = servers.filter(|(_, server)| !server.is_primary);
        replicas.map(|(number, _)| number).collect()
    }
}
