//! What is published: events, with the deletions that go before them, canaries, and fences.

use redis::{Cmd, RedisResult, Value};

use super::commands::{Again, Work};
use super::failure::{About, Failures, is_wrong_server};
use super::instances::{Fencing, List, listed_at};
use super::open::Open;
use super::pipeline::{deletions, pipeline};
use super::primary_check::Answered;
use super::probe::{probe, probed};
use super::request::Request;
use super::server::Redis;
use super::server_info;
use crate::health::Cause;
use crate::server_info::ServerInfo;
use crate::slot::slot_of;
use crate::transport::instances::{Fenced, Instances, Listing};
use crate::transport::wire::{Canary, CanaryAnswer, Published};

impl Redis {
    /// Deletes keys and then publishes a payload, in one round trip.
    pub(crate) async fn publish(
        &self,
        channel: &str,
        payload: &[u8],
        delete: &[String],
    ) -> Result<Published, Cause> {
        let about = About::Channel(channel);
        let failures = &self.endpoint.failures;
        let work = Publication {
            server: self,
            channel,
            payload,
            delete,
        };
        // Deleting twice costs a load at most.
        let (deleted, receivers) = self.run(&self.publishing, Again::Yes, about, &work).await?;
        let receivers = receivers.map_err(|error| failures.about(&error, about));
        Ok(Published {
            receivers: receivers.and_then(|receivers| self.read(receivers, about)),
            deleted: deleted.map_err(|error| {
                failures.about(
                    &error,
                    About::Key(delete.first().map_or("", String::as_str)),
                )
            }),
        })
    }

    fn publication(&self, channel: &str, payload: &[u8]) -> Cmd {
        let is_sharded = self.endpoint.failures.is_sharded();
        let mut command = redis::cmd(if is_sharded { "SPUBLISH" } else { "PUBLISH" });
        command.arg(channel).arg(payload);
        command
    }

    /// Publishes a canary, and asks for the server's role and identity.
    pub(crate) async fn publish_canary(&self, canary: Canary<'_>) -> Result<CanaryAnswer, Cause> {
        let failures = &self.endpoint.failures;
        let add = |(listing, proven): (&Listing, _)| self.list(&listing.list).add(listing, proven);
        let sending = SendingCanary {
            failures,
            list: canary.listing.map(add),
            publish: self.publication(canary.channel, &canary.payload),
            slots: canary.slots,
        };
        let about = About::Channel(canary.channel);
        // Each is sent once, so that the canaries of one connection come back in order.
        let sent = self.run(&self.publishing, Again::No, about, &sending).await;
        let (server, connection, listed) = sent?;
        let listed = canary.listing.zip(listed).map(|((listing, _), listed)| {
            listed.map_err(|error| failures.about(&error, About::Key(&listing.list)))
        });
        Ok(CanaryAnswer {
            server,
            connection,
            listed,
        })
    }

    /// Publishes a fence, and then reads the list of instances.
    pub(crate) async fn publish_fence(
        &self,
        channel: &str,
        payload: Vec<u8>,
        list: &str,
    ) -> Result<Fenced, Cause> {
        let about = About::Channel(channel);
        let fencing = Fencing {
            publish: Some(self.publication(channel, &payload)),
            ..self.asking(list)
        };
        let sent = self
            .run(&self.publishing, Again::Yes, about, &fencing)
            .await;
        let (receivers, instances) = sent?;
        Ok(Fenced {
            receivers: self.read(receivers, about)?,
            instances,
        })
    }

    /// The list of instances; `None` if the server does not tell.
    pub(crate) async fn instances(&self, list: &str) -> Result<Option<Instances>, Cause> {
        let (fencing, about) = (self.asking(list), About::Key(list));
        let read = self
            .run(&self.publishing, Again::Yes, about, &fencing)
            .await;
        read.map(|(_, instances)| instances)
    }

    fn asking(&self, list: &str) -> Fencing<'_> {
        Fencing {
            publish: None,
            read: self.list(list).read(),
            failures: &self.endpoint.failures,
        }
    }

    fn list<'a>(&self, key: &'a str) -> List<'a> {
        List {
            key,
            is_elsewhere: self.endpoint.database() != 0,
        }
    }

    /// Takes an instance off the list.
    pub(crate) async fn unlist(&self, listing: &Listing) -> Result<(), Cause> {
        let request = Request::Command(self.list(&listing.list).remove(listing));
        let about = About::Key(&listing.list);
        self.send(&self.publishing, &request, Again::Yes, about)
            .await
    }
}

/// Deletes, then publishes, and then asks whether the server is the right one: a primary, and in a cluster
/// that of the channel's slot.
struct Publication<'a> {
    server: &'a Redis,
    channel: &'a str,
    payload: &'a [u8],
    delete: &'a [String],
}

impl Publication<'_> {
    fn commands(&self) -> Vec<Cmd> {
        let is_cluster = self.server.endpoint.failures.is_cluster();
        let deletions = deletions(self.delete, is_cluster);
        let deletions = deletions.into_iter().map(|(_, command)| command);
        let publish = self.server.publication(self.channel, self.payload);
        deletions.chain([publish]).collect()
    }

    /// In a cluster, each slot may have another primary.
    async fn send_to_node(&self, open: &mut Open) -> RedisResult<Answered> {
        let failures = &self.server.endpoint.failures;
        let question = probe(failures, slot_of(self.channel));
        let commands = pipeline(self.commands().into_iter().chain([question]));
        let mut answers: Vec<Value> = commands.query_async(&mut open.connection).await?;
        let check = probed(answers.pop().unwrap_or(Value::Nil));
        Ok(Answered { answers, check })
    }
}

impl Work for Publication<'_> {
    type Answer = (RedisResult<()>, RedisResult<Value>);

    async fn run(&self, open: &mut Open) -> RedisResult<Self::Answer> {
        let failures = &self.server.endpoint.failures;
        let sent = if failures.is_cluster() {
            self.send_to_node(open).await
        } else {
            open.batches.publish(self.commands(), failures).await
        };
        let Answered { mut answers, check } = sent?;
        // What it says of publishing, such as which right is missing, tells more.
        let published = answers.pop().unwrap_or(Value::Nil).extract_error();
        let published = published.and_then(|receivers| check.map(|()| receivers));
        let mut deleted = answers.into_iter().map(Value::extract_error);
        let deleted = deleted.try_for_each(|answer| answer.map(drop));
        for error in [published.as_ref().err(), deleted.as_ref().err()] {
            // One of them reached the wrong server. Both are sent again on a new connection, so the
            // event may arrive twice.
            if let Some(error) = error.filter(|error| is_wrong_server(error)) {
                return Err(error.clone());
            }
        }
        Ok((deleted, published))
    }
}

/// Lists the instance and publishes, and asks for the server's role, its identity and its slots in the
/// same round trip.
struct SendingCanary<'a> {
    failures: &'a Failures,
    list: Option<Cmd>,
    publish: Cmd,
    slots: &'a [u16],
}

impl Work for SendingCanary<'_> {
    /// The server, the number of the connection, and when the instance was listed.
    type Answer = (ServerInfo, u64, Option<RedisResult<u64>>);

    async fn run(&self, open: &mut Open) -> RedisResult<Self::Answer> {
        let commands = self.list.iter().chain([&self.publish]).cloned();
        let slots = self.slots.iter().map(|slot| probe(self.failures, *slot));
        let also = commands.chain(slots);
        let asked = server_info::ask_with(&mut open.connection, self.failures, also).await;
        let (server, mut answers) = asked?;
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let listed = self.list.as_ref().map(|_| listed_at(next())).transpose()?;
        next().extract_error()?;
        answers.try_for_each(probed)?;
        Ok((server, open.number, listed))
    }
}
