//! Several entries in one round trip.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, Value, cmd};

use super::cluster::{ATTEMPTS, is_elsewhere};
use super::commands::{Again, Work};
use super::entries::{self, Bare, Sealed};
use super::failure::{About, is_wrong_server};
use super::keys;
use super::open::Open;
use super::pipeline::pipeline;
use super::request::Script;
use super::{Nodes, Redis};
use crate::health::Cause;
use crate::random::nonce;
use crate::transport::token::{Acquired, Content, EntryKeys, Filled, Found, Seek, Stored, Token};

/// The most entries in one round trip.
const MOST: usize = 1000;
/// About the most bytes in one round trip.
const BYTES: usize = 4 * 1024 * 1024;
/// What an entry that is read counts for, because its size is not known: so 128 are read at a time.
const READ: usize = 32 * 1024;

/// What is asked about one entry.
struct Question<'a> {
    names: &'a EntryKeys,
    what: What<'a>,
    /// About how many bytes are written or read.
    bytes: usize,
}

enum What<'a> {
    Commands(Vec<Cmd>),
    Script {
        script: &'static Script,
        keys: Vec<&'a str>,
        arguments: Vec<Cow<'a, [u8]>>,
        /// Whether the epoch of the store is its last argument.
        needs_epoch: bool,
    },
}

/// The answers to what is asked about one entry, and the epoch of the store.
type Answer = (Vec<Value>, String);

/// As [`keys::lookup`], of each.
pub(crate) async fn lookup(
    redis: Nodes<'_>,
    entries: &[&EntryKeys],
) -> Vec<Result<Option<Found>, Cause>> {
    let question = |names| Question {
        names,
        what: What::Commands(match &names.stored {
            Stored::Bare { absence } => entries::bare_commands(names, absence).into(),
            Stored::Sealed { generation, group } => {
                entries::sealed_commands(names, generation, group.as_deref())
            }
        }),
        bytes: READ,
    };
    let questions = entries.iter().copied().map(question).collect();
    let answers = ask(redis, questions, Again::Yes).await;
    let mut all = Vec::new();
    for (names, answer) in entries.iter().zip(answers) {
        all.push(match (answer, &names.stored) {
            (Err(cause), _) => Err(cause),
            (Ok((answers, _)), Stored::Bare { .. }) => match read::<Bare>(answers) {
                Ok(answer) => match entries::bare_found(answer) {
                    Ok(found) => Ok(found),
                    // It is empty, which takes another look.
                    Err(_) => keys::lookup(redis, names).await,
                },
                Err(cause) => Err(cause),
            },
            (Ok((answers, epoch)), Stored::Sealed { .. }) => {
                let answer = read::<Sealed>(answers);
                answer.map(|answer| entries::sealed_found(answer, &epoch))
            }
        });
    }
    all
}

/// As [`keys::acquire`], of each.
pub(crate) async fn acquire(
    redis: Nodes<'_>,
    entries: &[(&EntryKeys, Seek)],
    ttl: Duration,
) -> Vec<Result<Acquired, Cause>> {
    let nonces: Vec<_> = entries.iter().map(|_| nonce()).collect();
    let questions = entries.iter().zip(&nonces).map(|((names, seek), nonce)| {
        let (script, arguments) = entries::acquiring(names, *seek, ttl, nonce);
        let arguments = arguments.into_iter().map(Cow::from).collect();
        let (beside, group, needs_epoch) = match &names.stored {
            Stored::Bare { absence } => (absence, None, false),
            Stored::Sealed { generation, group } => (generation, group.as_deref(), true),
        };
        let keys = [&*names.value, &names.token, beside].into_iter();
        let keys = keys.chain(group).collect();
        Question {
            bytes: READ,
            ..script_on(names, script, keys, needs_epoch, arguments)
        }
    });
    let questions = questions.collect();
    let answers = ask(redis, questions, Again::IfDropped).await;
    let entries = entries.iter().zip(nonces).zip(answers);
    let acquired = entries.map(|(((names, _), nonce), answer)| {
        let (mut answers, _) = answer?;
        let answer = answers.pop().unwrap_or(Value::Nil);
        Ok(match &names.stored {
            Stored::Bare { .. } => entries::acquired_bare(names, nonce, read_one(answer)?),
            Stored::Sealed { .. } => entries::acquired_sealed(names, &nonce, read_one(answer)?),
        })
    });
    acquired.collect()
}

/// As [`keys::fill`], of each.
pub(crate) async fn fill(
    redis: Nodes<'_>,
    fills: &[(&Token, Content<'_>, Duration)],
) -> Vec<Result<Filled, Cause>> {
    let questions = fills.iter().map(|(token, content, ttl)| {
        let (script, keys, arguments) = entries::filling(token, content, *ttl);
        script_on(&token.names, script, keys, false, arguments)
    });
    let questions = questions.collect();
    let answers = ask(redis, questions, Again::No).await.into_iter();
    let filled = answers.map(|answer| {
        let answer = answer?.0.pop().unwrap_or(Value::Nil);
        Ok(entries::filled(&read_one::<String>(answer)?))
    });
    filled.collect()
}

/// As [`keys::put`], of each.
pub(crate) async fn put(
    redis: Nodes<'_>,
    puts: &[(&EntryKeys, Content<'_>, Duration)],
) -> Vec<Result<(), Cause>> {
    let questions = puts.iter().map(|(names, content, ttl)| Question {
        names,
        what: What::Commands(entries::putting(names, content, *ttl).into()),
        bytes: match content {
            Content::Value(bytes) => bytes.len(),
            Content::Absence(_) => 0,
        },
    });
    let questions = questions.collect();
    let answers = ask(redis, questions, Again::No).await.into_iter();
    answers.map(|answer| answer.map(drop)).collect()
}

fn script_on<'a>(
    names: &'a EntryKeys,
    script: &'static Script,
    keys: Vec<&'a str>,
    needs_epoch: bool,
    arguments: Vec<Cow<'a, [u8]>>,
) -> Question<'a> {
    Question {
        names,
        bytes: arguments.iter().map(|argument| argument.len()).sum(),
        what: What::Script {
            script,
            keys,
            arguments,
            needs_epoch,
        },
    }
}

fn read<T: FromRedisValue>(answers: Vec<Value>) -> Result<T, Cause> {
    read_one(Value::Array(answers))
}

fn read_one<T: FromRedisValue>(answer: Value) -> Result<T, Cause> {
    let unexpected = |error: redis::ParsingError| Cause::Server(error.to_string().into());
    T::from_redis_value(answer).map_err(unexpected)
}

/// Asks everything, each node for itself. In a cluster, what has moved is asked again.
async fn ask(
    redis: Nodes<'_>,
    questions: Vec<Question<'_>>,
    again: Again,
) -> Vec<Result<Answer, Cause>> {
    let all: Vec<_> = questions.iter().collect();
    let cluster = match redis {
        Nodes::One(redis) => return ask_node(redis, &all, again).await,
        Nodes::Cluster(cluster) => cluster,
    };
    let unasked = || Err(Cause::Unserved("nobody was asked".into()));
    let mut answers: Vec<_> = all.iter().map(|_| unasked()).collect();
    let mut map = cluster.map().await;
    for attempt in 1..=ATTEMPTS {
        let nodes = match &map {
            Ok(map) => map,
            Err(cause) => {
                for answer in answers.iter_mut().filter(|answer| is_elsewhere(answer)) {
                    *answer = Err(cause.clone());
                }
                return answers;
            }
        };
        let mut groups: Vec<(&Arc<Redis>, Vec<usize>)> = Vec::new();
        for (place, question) in all.iter().enumerate() {
            if !is_elsewhere(&answers[place]) {
                continue;
            }
            match nodes.find(&question.names.value) {
                Ok(node) => match groups
                    .iter_mut()
                    .find(|(other, _)| Arc::ptr_eq(other, node))
                {
                    Some((_, places)) => places.push(place),
                    None => groups.push((node, vec![place])),
                },
                Err(cause) => answers[place] = Err(cause),
            }
        }
        let asked = groups.iter().map(async |(node, places)| {
            let questions: Vec<_> = places.iter().map(|place| all[*place]).collect();
            ask_node(node, &questions, again).await
        });
        let asked = join_all(asked).await;
        for ((_, places), asked) in groups.iter().zip(asked) {
            for (place, answer) in places.iter().zip(asked) {
                cluster.notice(&answer);
                answers[*place] = answer;
            }
        }
        if attempt == ATTEMPTS || !answers.iter().any(is_elsewhere) {
            break;
        }
        map = cluster.follow(&Arc::clone(nodes)).await;
    }
    answers
}

/// Asks one node, in as few round trips as [`MOST`] and [`BYTES`] allow.
async fn ask_node(
    redis: &Redis,
    questions: &[&Question<'_>],
    again: Again,
) -> Vec<Result<Answer, Cause>> {
    let mut answers = Vec::with_capacity(questions.len());
    let mut rest = questions;
    while let Some(first) = rest.first() {
        let mut bytes = 0;
        let fits = |question: &&&Question<'_>| {
            bytes += question.bytes;
            bytes <= BYTES
        };
        let number = rest.iter().take(MOST).take_while(fits).count().max(1);
        let (batch, others) = rest.split_at(number);
        rest = others;
        let work = Batch {
            redis,
            questions: batch,
        };
        match redis.on_values(again, &first.names.value, &work).await {
            Ok(asked) => {
                let about = |question: &Question<'_>, answer: Answer| {
                    let (values, epoch) = answer;
                    let values = values.into_iter().map(Value::extract_error);
                    let values: RedisResult<Vec<_>> = values.collect();
                    let about = About::Key(&question.names.value);
                    let cause = |error| redis.endpoint.failures.about(&error, about);
                    Ok((values.map_err(cause)?, epoch))
                };
                let asked = batch.iter().zip(asked);
                answers.extend(asked.map(|(question, answer)| about(question, answer)));
            }
            Err(cause) => answers.extend(batch.iter().map(|_| Err(cause.clone()))),
        }
    }
    answers
}

/// What is asked in one round trip.
struct Batch<'a> {
    redis: &'a Redis,
    questions: &'a [&'a Question<'a>],
}

impl Work for Batch<'_> {
    type Answer = Vec<Answer>;

    async fn run(&self, open: &mut Open) -> RedisResult<Vec<Answer>> {
        let mut epochs: HashMap<&str, String> = HashMap::new();
        for question in self.questions {
            if let Stored::Sealed { generation, .. } = &question.names.stored
                && !epochs.contains_key(&**generation)
            {
                let epoch = self.redis.epochs.of(generation, open).await?;
                epochs.insert(generation, epoch);
            }
        }
        let epoch = |question: &Question<'_>| match &question.names.stored {
            Stored::Sealed { generation, .. } => epochs[&**generation].clone(),
            Stored::Bare { .. } => String::new(),
        };
        let commands = |question: &&Question<'_>| question.commands(&epoch(question), false);
        let commands: Vec<_> = self.questions.iter().map(commands).collect();
        let lengths: Vec<_> = commands.iter().map(Vec::len).collect();
        let sent = pipeline(commands.into_iter().flatten());
        let values: Vec<Value> = sent.query_async(&mut open.connection).await?;
        let (mut values, mut answers) = (values.into_iter(), Vec::new());
        for length in lengths {
            answers.push(values.by_ref().take(length).collect::<Vec<_>>());
        }
        self.teach(&mut answers, &epoch, open).await?;
        // The connection ends then, as after any other command.
        for value in answers.iter().flatten() {
            if let Some(error) = error_of(value).filter(is_wrong_server) {
                return Err(error);
            }
        }
        let epochs = self.questions.iter().map(|question| epoch(question));
        Ok(answers.into_iter().zip(epochs).collect())
    }
}

impl Batch<'_> {
    /// Asks again, with the scripts in full, what has failed because the server does not know them.
    async fn teach(
        &self,
        answers: &mut [Vec<Value>],
        epoch: &(dyn Fn(&Question<'_>) -> String + Sync),
        open: &mut Open,
    ) -> RedisResult<()> {
        let is_unknown = |value: &Value| {
            let unknown = ErrorKind::Server(ServerErrorKind::NoScript);
            error_of(value).is_some_and(|error| error.kind() == unknown)
        };
        let unknown = answers.iter().enumerate();
        let unknown = unknown.filter(|(_, values)| values.iter().any(is_unknown));
        let unknown: Vec<usize> = unknown.map(|(place, _)| place).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let mut taught = HashSet::new();
        let commands = unknown.iter().flat_map(|place| {
            let question = self.questions[*place];
            let is_first = question
                .script()
                .is_some_and(|script| taught.insert(script));
            question.commands(&epoch(question), is_first)
        });
        let values: Vec<Value> = pipeline(commands.collect::<Vec<_>>())
            .query_async(&mut open.connection)
            .await?;
        for (place, value) in unknown.into_iter().zip(values) {
            answers[place] = vec![value];
        }
        Ok(())
    }
}

fn error_of(value: &Value) -> Option<redis::RedisError> {
    match value {
        Value::ServerError(_) => value.clone().extract_error().err(),
        _ => None,
    }
}

impl Question<'_> {
    fn script(&self) -> Option<&'static str> {
        match &self.what {
            What::Commands(_) => None,
            What::Script { script, .. } => Some(script.code()),
        }
    }

    fn commands(&self, epoch: &str, in_full: bool) -> Vec<Cmd> {
        match &self.what {
            What::Commands(commands) => commands.clone(),
            What::Script {
                script,
                keys,
                arguments,
                needs_epoch,
            } => {
                let mut command = if in_full {
                    let mut command = cmd("EVAL");
                    command.arg(script.code());
                    command
                } else {
                    let mut command = cmd("EVALSHA");
                    command.arg(script.hash());
                    command
                };
                command.arg(keys.len()).arg(keys);
                for argument in arguments {
                    command.arg(&**argument);
                }
                if *needs_epoch {
                    command.arg(epoch);
                }
                vec![command]
            }
        }
    }
}
