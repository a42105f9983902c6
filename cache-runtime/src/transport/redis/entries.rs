//! What is asked about an entry, as commands and scripts, and what the answers say.

use std::borrow::Cow;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, ParsingError, Value, cmd};

use super::request::{Script, script};
use crate::transport::token::{
    Acquired, Content, EntryKeys, Filled, Found, SEAL, Seek, Stored, Token, bare, millis,
    new_generation, opened, seal, sealed, stamp,
};

static ACQUIRE: Script = script!("epoch.lua", "renew.lua", "acquire.lua");
static ACQUIRE_BARE: Script = script!("acquire_bare.lua");
static FILL: Script = script!("token.lua", "renew.lua", "fill.lua");
static FILL_BARE: Script = script!("token.lua", "fill_bare.lua");

/// TTL and value, TTL and category.
pub(super) type Bare = (i64, Vec<u8>, i64, Option<Vec<u8>>);

/// The commands that a [`Bare`] is the answer to.
pub(super) fn bare_commands(names: &EntryKeys, absence: &str) -> [Cmd; 4] {
    // A TTL is read first, so that it is never the TTL of a later value.
    let key = &*names.value;
    [
        on("PTTL", key),
        start(key, names.max_bytes),
        on("PTTL", absence),
        on("GET", absence),
    ]
}

/// What a bare entry holds: a value, or else a category. The error says that the value is empty, or has
/// expired between two commands; it has the category.
pub(super) fn bare_found(answer: Bare) -> Result<Option<Found>, Option<Found>> {
    let (ttl, value, absent_ttl, category) = answer;
    let absence = category.map(|category| found(category, true, absent_ttl));
    if !value.is_empty() {
        return Ok(Some(found(value, false, ttl)));
    }
    if ttl == MISSING {
        Ok(absence)
    } else {
        Err(absence)
    }
}

/// The answers about a sealed entry.
pub(super) struct Sealed {
    ttl: i64,
    stored: Vec<u8>,
    generation: Option<String>,
    /// Empty where the entry is in no group, which is not asked for then.
    group: Option<String>,
}

impl FromRedisValue for Sealed {
    fn from_redis_value(answers: Value) -> Result<Self, ParsingError> {
        let mut answers = Vec::<Value>::from_redis_value(answers)?;
        let group = match answers.len() {
            4 => answers.pop().map(FromRedisValue::from_redis_value),
            _ => Some(Ok(Some(String::new()))),
        };
        let (ttl, stored, generation) = FromRedisValue::from_redis_value(Value::Array(answers))?;
        Ok(Self {
            ttl,
            stored,
            generation,
            group: group.transpose()?.flatten(),
        })
    }
}

/// The commands that a [`Sealed`] is the answer to.
pub(super) fn sealed_commands(
    names: &EntryKeys,
    generation: &str,
    group: Option<&str>,
) -> Vec<Cmd> {
    let key = &*names.value;
    // The generations are read last. If one has changed meanwhile, the value counts as an old one.
    let commands = [
        on("PTTL", key),
        start(key, names.max_bytes.saturating_add(SEAL)),
        on("GET", generation),
    ];
    let group = group.map(|group| on("GET", group));
    commands.into_iter().chain(group).collect()
}

/// What a sealed entry holds, in this epoch.
pub(super) fn sealed_found(answer: Sealed, epoch: &str) -> Option<Found> {
    let generation = (answer.generation).filter(|generation| generation.starts_with(epoch))?;
    let seal = seal(&generation, &answer.group?);
    opened(&seal, answer.stored, time(answer.ttl))
}

/// The script that asks for a token, and its arguments.
pub(super) fn acquiring(
    names: &EntryKeys,
    seek: Seek,
    ttl: Duration,
    nonce: &str,
) -> (&'static Script, Vec<Vec<u8>>) {
    let seek: &[u8] = match seek {
        Seek::Missing => b"missing",
        Seek::Refresh => b"refresh",
    };
    let ttl = millis(ttl).to_string().into_bytes();
    let start = |most: usize| last(most).to_string().into_bytes();
    let mut arguments = vec![nonce.into(), ttl, seek.to_vec()];
    match &names.stored {
        Stored::Bare { .. } => {
            arguments.push(start(names.max_bytes));
            (&ACQUIRE_BARE, arguments)
        }
        Stored::Sealed { .. } => {
            arguments.push(start(names.max_bytes.saturating_add(SEAL)));
            arguments.push(new_generation().into_bytes());
            (&ACQUIRE, arguments)
        }
    }
}

/// What a script has answered that asks for the token of a bare entry: what it found, its TTL and
/// the content.
pub(super) fn acquired_bare(
    names: &EntryKeys,
    nonce: String,
    (answer, ttl, content): (String, i64, Option<Vec<u8>>),
) -> Acquired {
    match (answer.as_str(), content) {
        ("acquired", _) => token(names, nonce.into_bytes(), String::new(), String::new()),
        (answer, Some(content)) => Acquired::Found(found(content, answer == "absence", ttl)),
        (_, None) => Acquired::Busy,
    }
}

/// As [`acquired_bare`], of a sealed entry: what it found, the generation, the TTL, the content, and the
/// generation of the group.
pub(super) fn acquired_sealed(
    names: &EntryKeys,
    nonce: &str,
    (answer, generation, ttl, stored, group): (String, String, i64, Option<Vec<u8>>, String),
) -> Acquired {
    let seal = seal(&generation, &group);
    let found = stored.and_then(|stored| opened(&seal, stored, time(ttl)));
    match (answer.as_str(), found) {
        (_, Some(found)) => Acquired::Found(found),
        ("acquired", _) => token(names, stamp(&seal, nonce), generation, group),
        (_, None) => Acquired::Busy,
    }
}

fn token(names: &EntryKeys, stamp: Vec<u8>, generation: String, group: String) -> Acquired {
    Acquired::Token(Token {
        names: names.clone(),
        stamp,
        generation,
        group,
    })
}

/// The script that stores a loaded value, its keys and its arguments.
pub(super) fn filling<'a>(
    token: &'a Token,
    content: &Content<'a>,
    ttl: Duration,
) -> (&'static Script, Vec<&'a str>, Vec<Cow<'a, [u8]>>) {
    let names = &token.names;
    let stamp = Cow::from(&token.stamp);
    let ttl = Cow::from(millis(ttl).to_string().into_bytes());
    match &names.stored {
        Stored::Bare { absence } => {
            let (key, bytes, other) = bare(&names.value, absence, content);
            let arguments = vec![stamp, bytes.into(), ttl];
            (&FILL_BARE, vec![&names.token, key, other], arguments)
        }
        Stored::Sealed { generation, group } => {
            let stored = sealed(&seal(&token.generation, &token.group), content).into();
            let (own, of_group) = (token.generation.as_bytes(), token.group.as_bytes());
            let arguments = vec![stamp, stored, ttl, own.into(), of_group.into()];
            let keys = [&*names.value, &names.token, generation].into_iter();
            (&FILL, keys.chain(group.as_deref()).collect(), arguments)
        }
    }
}

/// What the script has answered.
pub(super) fn filled(answer: &str) -> Filled {
    match answer {
        "stored" => Filled::Stored,
        "taken" => Filled::Taken,
        _ => Filled::Gone,
    }
}

/// The commands that store a value without a token.
pub(super) fn putting(names: &EntryKeys, content: &Content<'_>, ttl: Duration) -> [Cmd; 2] {
    let Stored::Bare { absence } = &names.stored else {
        unreachable!("a sealed entry needs a token");
    };
    let (key, bytes, other) = bare(&names.value, absence, content);
    let mut delete = on("DEL", &names.token);
    delete.arg(other);
    // Written last: of two callers that do both at the same time, at least one leaves its content.
    let mut write = on("SET", key);
    write.arg(bytes).arg("PX").arg(millis(ttl));
    [delete, write]
}

/// Reads the start of a value: up to `most` bytes, and one more if there are more.
fn start(key: &str, most: usize) -> Cmd {
    let mut command = on("GETRANGE", key);
    command.arg(0).arg(last(most));
    command
}

/// The index of the last byte to read. A larger one is no index.
fn last(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// What `PTTL` answers for a key without a value.
const MISSING: i64 = -2;

/// A TTL as `PTTL` returns it: -1 for no TTL, and -2 if there was no value yet.
fn time(ttl: i64) -> Option<Duration> {
    (ttl != -1).then(|| Duration::from_millis(ttl.try_into().unwrap_or(0)))
}

pub(super) fn found(value: Vec<u8>, is_absence: bool, ttl: i64) -> Found {
    Found {
        value,
        is_absence,
        ttl: time(ttl),
    }
}

pub(super) fn on(command: &str, key: &str) -> Cmd {
    let mut command = cmd(command);
    command.arg(key);
    command
}
