//! The list of live instances, as commands. It is a sorted set: the elements are instances, and the
//! scores the ends of their leases, by the server's clock.

use redis::{Cmd, RedisResult, Value, cmd};

use super::commands::Work;
use super::failure::{Failures, is_alone, is_wrong_server};
use super::open::Open;
use crate::transport::instances::{Instances, Listing};
use crate::transport::token::millis;

/// The scripts are short enough to be sent in full each time.
const LIST: &str = include_str!("list.lua");
const READ: &str =
    "return {redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), redis.call('TIME')}";
const UNLIST: &str = "return redis.call('ZREM', KEYS[1], ARGV[1], ARGV[2])";

/// The list of a server. Channels belong to no database, so the list is in the same one for all
/// instances, whatever the database of their keys.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) key: &'a str,
    pub(super) is_elsewhere: bool,
}

impl List<'_> {
    fn script(self, code: &str) -> Cmd {
        let mut command = cmd("EVAL");
        if self.is_elsewhere {
            // Within a script, this holds for the script only.
            command.arg(format!("redis.call('SELECT', 0)\n{code}"));
        } else {
            command.arg(code);
        }
        command.arg(1).arg(self.key);
        command
    }

    /// Lists an instance, for the length of its lease. `proven` is what listing was answered with for
    /// the latest canary that has come back, or 0.
    pub(super) fn add(self, listing: &Listing, proven: u64) -> Cmd {
        let mut command = self.script(LIST);
        command.arg(listing.element()).arg(millis(listing.lease));
        command.arg(listing.proof()).arg(proven);
        command
    }

    /// Takes an instance off the list.
    pub(super) fn remove(self, listing: &Listing) -> Cmd {
        let mut command = self.script(UNLIST);
        command.arg(listing.element()).arg(listing.proof());
        command
    }

    pub(super) fn read(self) -> Cmd {
        self.script(READ)
    }
}

/// When the instance was listed, by the server's clock in ms, and if it was not, why not.
///
/// # Errors
///
/// When the server cannot be the primary of the others: it says so, or it has fewer replicas than its
/// operator demands.
pub(super) fn listed_at(answer: Value) -> RedisResult<RedisResult<u64>> {
    match answer.extract_error() {
        Ok(time) => Ok(Ok(redis::from_redis_value(time)?)),
        Err(error) if is_wrong_server(&error) || is_alone(&error) => Err(error),
        Err(error) => Ok(Err(error)),
    }
}

/// Publishes, then reads the list, and then asks whether the server still is a primary. The list of a
/// replica lacks those who are listed with the primary.
pub(super) struct Fencing<'a> {
    /// `None` to read only.
    pub(super) publish: Option<Cmd>,
    pub(super) read: Cmd,
    pub(super) failures: &'a Failures,
}

impl Work for Fencing<'_> {
    /// The answer to the publication, and the list, unless the server refuses to tell it.
    type Answer = (Value, Option<Instances>);

    async fn run(&self, open: &mut Open) -> RedisResult<Self::Answer> {
        let commands = self.publish.iter().chain([&self.read]).cloned();
        let answered = open.batches.asker.send(commands, self.failures).await?;
        answered.check?;
        let mut answers = answered.answers;
        let list = answers.pop().unwrap_or(Value::Nil).extract_error();
        let published = answers.pop().unwrap_or(Value::Nil).extract_error()?;
        match list {
            Ok(list) => {
                let (elements, time) = redis::from_redis_value(list)?;
                Ok((published, Some(Instances::read(elements, time))))
            }
            Err(error) if is_wrong_server(&error) => Err(error),
            Err(_) => Ok((published, None)),
        }
    }
}
