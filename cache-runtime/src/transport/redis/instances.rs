//! The list of live instances, as commands. It is a sorted set: the elements are instances, and the
//! scores the ends of their leases, by the server's clock.

use redis::{Cmd, RedisError, RedisResult, Value, cmd};

use super::commands::Work;
use super::failure::is_wrong_server;
use super::open::Open;
use super::pipeline::pipeline;
use crate::transport::instances::{Instances, Listing};
use crate::transport::token::millis;

/// Short enough to be sent in full each time.
const LIST: &str = include_str!("list.lua");

/// Lists an instance, for the length of its lease. `proven` is what listing was answered with for the
/// latest canary that has come back, or 0.
pub(super) fn list(listing: &Listing, proven: u64) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(LIST).arg(1).arg(&listing.list);
    command.arg(listing.element());
    command.arg(millis(listing.lease));
    command.arg(listing.proof()).arg(proven);
    command
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

/// Whether a primary refuses writes because too few of its replicas are in reach.
fn is_alone(error: &RedisError) -> bool {
    error.code() == Some("NOREPLICAS") || error.to_string().contains("-NOREPLICAS ")
}

/// Takes an instance off the list.
pub(super) fn unlist(listing: &Listing) -> Cmd {
    let mut command = cmd("ZREM");
    command.arg(&listing.list).arg(listing.element());
    command.arg(listing.proof());
    command
}

/// Publishes, and then reads the list.
pub(super) struct Fencing {
    /// `None` to read only.
    pub(super) publish: Option<Cmd>,
    pub(super) list: String,
}

impl Work for Fencing {
    /// The answer to the publication, and the list, unless the server refuses to tell it.
    type Answer = (Value, Option<Instances>);

    async fn run(&self, open: &mut Open) -> RedisResult<Self::Answer> {
        let mut range = cmd("ZRANGE");
        range.arg(&self.list).arg(0).arg(-1).arg("WITHSCORES");
        let commands = self.publish.iter().cloned().chain([range, cmd("TIME")]);
        let answers: Vec<Value> = pipeline(commands).query_async(&mut open.connection).await?;
        let mut answers = answers.into_iter();
        let published = match &self.publish {
            Some(_) => answers.next().unwrap_or(Value::Nil).extract_error()?,
            None => Value::Nil,
        };
        let mut told = || answers.next().unwrap_or(Value::Nil).extract_error();
        let (range, time) = (told(), told());
        let (range, time) = match (range, time) {
            (Ok(range), Ok(time)) => (range, time),
            (Err(error), _) | (_, Err(error)) if is_wrong_server(&error) => return Err(error),
            _ => return Ok((published, None)),
        };
        let elements = redis::from_redis_value(range)?;
        let instances = Instances::read(elements, redis::from_redis_value(time)?);
        Ok((published, Some(instances)))
    }
}
