//! What a node of a cluster says of its slots.

use redis::{Pipeline, RedisResult, Value, cmd};

use super::commands::Work;
use super::open::Open;
use super::pipeline::pipeline;
use super::server_info::line;

/// Which primaries serve which slots, as one node says.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Grows with every fail-over, and with most moves of slots: not if the node that takes the slot
    /// already has the greatest epoch.
    pub(super) epoch: u64,
    /// That of the latest claim of the node, or of its primary. Of two nodes that claim a slot, the one
    /// whose claim has the greater epoch is right.
    pub(super) claim: u64,
    pub(super) ranges: Vec<Range>,
}

/// Slots with one primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) host: String,
    pub(super) port: u16,
}

/// The commands that ask for a [`View`].
pub(super) fn question() -> Pipeline {
    let commands = ["INFO", "SLOTS"].map(|topic| {
        let mut command = cmd("CLUSTER");
        command.arg(topic);
        command
    });
    pipeline(commands)
}

/// Asks a node for its view.
pub(super) struct Slots;

impl Work for Slots {
    type Answer = [Value; 2];

    async fn run(&self, open: &mut Open) -> RedisResult<Self::Answer> {
        let answers = question().query_async(&mut open.connection).await?;
        checked(answers)
    }
}

/// The answers to [`question`], unless one of them is an error.
pub(super) fn checked(answers: Vec<Value>) -> RedisResult<[Value; 2]> {
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(Value::Nil).extract_error();
    Ok([next()?, next()?])
}

impl View {
    /// The greater, the newer the view. With equal epochs, a slot can have moved
    /// only to the node whose claim has the greatest epoch of all, and that node knows.
    pub(super) fn order(&self) -> (u64, u64) {
        (self.epoch, self.claim)
    }

    /// The answers of a node that was asked at `host`.
    pub(super) fn parse([info, slots]: [Value; 2], host: &str) -> Self {
        let epoch = |name| line(&info, name).and_then(|epoch| epoch.parse().ok());
        let ranges = match &slots {
            Value::Array(ranges) => ranges.iter().filter_map(|range| Range::parse(range, host)),
            _ => return Self::default(),
        };
        Self {
            epoch: epoch("cluster_current_epoch").unwrap_or(0),
            claim: epoch("cluster_my_epoch").unwrap_or(0),
            ranges: ranges.collect(),
        }
    }
}

impl Range {
    /// First and last slot, and the nodes, the primary first. A node is a host, a port, and more.
    fn parse(range: &Value, asked: &str) -> Option<Self> {
        let Value::Array(range) = range else {
            return None;
        };
        let [
            Value::Int(first),
            Value::Int(last),
            Value::Array(primary),
            ..,
        ] = &range[..]
        else {
            return None;
        };
        let [host, Value::Int(port), ..] = &primary[..] else {
            return None;
        };
        let host = match host {
            Value::BulkString(host) => String::from_utf8_lossy(host).into_owned(),
            _ => String::new(),
        };
        // Without a host, it is the one that was asked; `?` stands for a missing host name.
        let unknown = host.is_empty() || host == "?";
        Some(Self {
            first: u16::try_from(*first).ok()?,
            last: u16::try_from(*last).ok()?,
            host: if unknown { asked.to_owned() } else { host },
            port: u16::try_from(*port).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let node = Value::Array(vec![host, Value::Int(port), bulk("id")]);
        let replica = Value::Array(vec![bulk("replica"), Value::Int(1), bulk("id")]);
        Value::Array(vec![Value::Int(first), Value::Int(last), node, replica])
    }

    #[test]
    fn each_range_has_its_primary() {
        let info = bulk("cluster_state:ok\r\ncluster_current_epoch:7\r\ncluster_my_epoch:3\r\n");
        let slots = Value::Array(vec![
            range(0, 5, bulk("a"), 6379),
            range(6, 6, Value::Nil, 6380),
            range(7, 16383, bulk("?"), 6381),
            // What cannot be a range.
            range(7, 70_000, bulk("a"), 6379),
            Value::Nil,
        ]);
        let view = View::parse([info, slots], "asked");
        let ranges = view.ranges.iter();
        let ranges: Vec<_> = ranges
            .map(|range| (range.first, range.last, &*range.host, range.port))
            .collect();
        let expected = [
            (0, 5, "a", 6379),
            (6, 6, "asked", 6380),
            (7, 16383, "asked", 6381),
        ];
        assert_eq!((view.order(), &ranges[..]), ((7, 3), &expected[..]));
    }

    #[test]
    fn an_answer_of_another_kind_says_nothing() {
        let view = View::parse([Value::Nil, Value::Okay], "asked");
        assert_eq!((view.order(), view.ranges.len()), ((0, 0), 0));
    }
}
