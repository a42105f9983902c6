//! The operations of the keyspace, as commands and scripts.
//!
//! They must run on Redis 6.0, so scripts do what a newer server has commands for, such as deleting
//! a key if it has a certain value.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use redis::{Cmd, FromRedisValue, cmd};

use super::Redis;
use super::commands::Again;
use super::pipeline::{MOST_DELETED, deletions};
use super::request::{Call, Request, Script};
use crate::health::Cause;
use crate::random::nonce;
use crate::transport::token::{
    Acquired, Compare, DeleteIf, EntryKeys, Filled, Found, Record, Seek, Token, millis,
    new_generation, opened, sealed,
};

/// A script that takes the epoch of the store as its last argument.
macro_rules! in_epoch {
    ($file:literal) => {
        Script::new(concat!(include_str!("epoch.lua"), include_str!($file)))
    };
}

static DELETE_IF: Script = Script::new(include_str!("delete_if.lua"));
static ACQUIRE: Script = in_epoch!("acquire.lua");
static EVICT: Script = in_epoch!("evict.lua");
static FILL: Script = Script::new(include_str!("fill.lua"));
static EXCHANGE_RECORDS: Script = Script::new(include_str!("exchange_records.lua"));
static PUT: Script = in_epoch!("put.lua");

/// About how many keys the server visits in one step of a scan.
const STEP: usize = 1000;

pub(crate) async fn get(redis: &Redis, key: &str) -> Result<Option<Vec<u8>>, Cause> {
    let request = Request::Command(on("GET", key));
    redis.request(&request, Again::Yes, key).await
}

async fn get_with_ttl(redis: &Redis, key: &str) -> Result<Option<Found>, Cause> {
    // The TTL is read first, so that it is never the TTL of a later value.
    let request = Request::all([on("PTTL", key), on("GET", key)]);
    let (ttl, value): (i64, Option<Vec<u8>>) = redis.request(&request, Again::Yes, key).await?;
    Ok(value.map(|value| found(value, ttl)))
}

pub(crate) async fn set(
    redis: &Redis,
    key: &str,
    value: &[u8],
    ttl: Duration,
) -> Result<(), Cause> {
    let mut command = on("SET", key);
    command.arg(value).arg("PX").arg(millis(ttl));
    let request = Request::Command(command);
    redis.request(&request, Again::No, key).await
}

pub(crate) async fn set_if_absent(
    redis: &Redis,
    key: &str,
    value: &[u8],
    ttl: Duration,
) -> Result<Option<Vec<u8>>, Cause> {
    // `SET … NX GET` needs Redis 7. A script that does both takes the server twice as long as `SET`,
    // which is all that is needed for a key that has no value.
    let mut command = on("SET", key);
    command.arg(value).arg("PX").arg(millis(ttl)).arg("NX");
    let set = Request::Command(command);
    loop {
        let stored: bool = redis.request(&set, Again::Yes, key).await?;
        if stored {
            return Ok(None);
        }
        match get(redis, key).await? {
            // The command was sent twice, and the first stored it.
            Some(found) if found == value => return Ok(None),
            Some(other) => return Ok(Some(other)),
            // The value was deleted or has expired between the two commands.
            None => {}
        }
    }
}

pub(crate) async fn delete(redis: &Redis, keys: &[String]) -> Result<u64, Cause> {
    let mut deleted = 0;
    for command in deletions(keys) {
        // If the command is sent twice, the second may delete a newer value. That only costs a
        // load.
        let request = Request::Command(command);
        let answer: u64 = redis.request(&request, Again::Yes, &keys[0]).await?;
        deleted += answer;
    }
    Ok(deleted)
}

/// Deletes entries of a cache with a generation, or the generation; but only on the server that the
/// connection was opened to.
pub(crate) async fn evict(redis: &Redis, generation: &str, keys: &[String]) -> Result<(), Cause> {
    for chunk in keys.chunks(MOST_DELETED) {
        let mut all = vec![generation];
        all.extend(chunk.iter().map(String::as_str));
        let request = Request::Script(Call {
            script: &EVICT,
            keys: &all,
            arguments: &[],
        });
        // As for `delete`.
        let asked = redis.request_in_epoch(generation, &request, Again::Yes, &chunk[0]);
        let _: (u64, String) = asked.await?;
    }
    Ok(())
}

pub(crate) async fn delete_if(
    redis: &Redis,
    key: &str,
    value: &[u8],
    compare: Compare,
) -> Result<DeleteIf, Cause> {
    let compare: &[u8] = match compare {
        Compare::Whole => b"whole",
        Compare::Start => b"start",
    };
    let (answer, other): (String, Option<Vec<u8>>) =
        run(redis, &DELETE_IF, &[key], &[value, compare], Again::No).await?;
    Ok(match (answer.as_str(), other) {
        ("deleted", _) => DeleteIf::Deleted,
        (_, Some(other)) => DeleteIf::Other(other),
        (_, None) => DeleteIf::Missing,
    })
}

pub(crate) async fn count(redis: &Redis, prefix: &str) -> Result<u64, Cause> {
    // A scan may return a key twice. Hashes are kept, because they are smaller than keys.
    let (hasher, mut seen) = (RandomState::new(), HashSet::new());
    let pattern = pattern(prefix);
    let mut cursor = 0;
    loop {
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(&pattern);
        command.arg("COUNT").arg(STEP);
        let request = Request::Command(command);
        let (next, keys): (u64, Vec<Vec<u8>>) = redis.request(&request, Again::Yes, prefix).await?;
        seen.extend(keys.into_iter().map(|key| hasher.hash_one(key)));
        if next == 0 {
            return Ok(seen.len() as u64);
        }
        cursor = next;
    }
}

pub(crate) async fn exchange_records(
    redis: &Redis,
    key: &str,
    process: &str,
    content: &[u8],
    ttl: Duration,
    most: usize,
) -> Result<Vec<Record>, Cause> {
    let (ttl, most) = (millis(ttl).to_string(), most.to_string());
    let arguments = [process.as_bytes(), content, ttl.as_bytes(), most.as_bytes()];
    // If the script is sent twice, the second replaces the record that the first stored.
    let others: Vec<(u64, Vec<u8>, Vec<u8>)> =
        run(redis, &EXCHANGE_RECORDS, &[key], &arguments, Again::Yes).await?;
    let record = |(age, process, content): (_, Vec<u8>, _)| Record {
        process: String::from_utf8_lossy(&process).into_owned(),
        age: Duration::from_millis(age),
        content,
    };
    Ok(others.into_iter().map(record).collect())
}

/// The pattern that matches all keys that start with `prefix`.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if r"*?[]\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

/// TTL, value and generation.
type LookedUp = (i64, Option<Vec<u8>>, Option<String>);

pub(crate) async fn lookup(redis: &Redis, names: &EntryKeys) -> Result<Option<Found>, Cause> {
    let Some(generation) = &names.generation else {
        return get_with_ttl(redis, &names.value).await;
    };
    // The generation is read last. If it has changed meanwhile, the value counts as an old one.
    let commands = [
        ("PTTL", &names.value),
        ("GET", &names.value),
        ("GET", generation),
    ];
    let request = Request::all(commands.map(|(command, key)| on(command, key)));
    let asked = redis.request_in_epoch(generation, &request, Again::Yes, &names.value);
    let ((ttl, stored, generation), epoch): (LookedUp, _) = asked.await?;
    let value = generation.filter(|generation| generation.starts_with(&epoch));
    let value = value.zip(stored);
    let value = value.and_then(|(generation, stored)| opened(&generation, stored));
    Ok(value.map(|value| found(value, ttl)))
}

pub(crate) async fn acquire(
    redis: &Redis,
    names: EntryKeys,
    seek: Seek,
    ttl: Duration,
) -> Result<Acquired, Cause> {
    let (nonce, new, ttl) = (nonce(), new_generation(), millis(ttl).to_string());
    let seek: &[u8] = match seek {
        Seek::Missing => b"missing",
        Seek::Refresh => b"refresh",
    };
    let arguments = [nonce.as_bytes(), ttl.as_bytes(), seek, new.as_bytes()];
    // If the script is sent twice, the second finds the token that the first stored.
    let (answer, generation, ttl, stored): (String, String, i64, Option<Vec<u8>>) =
        run_in_epoch(redis, &ACQUIRE, &names, &arguments, Again::Yes).await?;
    let value = stored.and_then(|stored| opened(&generation, stored));
    Ok(match (answer.as_str(), value) {
        (_, Some(value)) => Acquired::Found(found(value, ttl)),
        ("acquired", _) => Acquired::Token(Token {
            names,
            stamp: sealed(&generation, nonce.as_bytes()),
            generation,
        }),
        (_, None) => Acquired::Busy,
    })
}

pub(crate) async fn fill(
    redis: &Redis,
    token: &Token,
    value: &[u8],
    ttl: Duration,
) -> Result<Filled, Cause> {
    let (stored, ttl) = (sealed(&token.generation, value), millis(ttl).to_string());
    let generation = token.generation.as_bytes();
    let arguments = [&token.stamp, &stored, ttl.as_bytes(), generation];
    let keys = keys_of(&token.names);
    let answer: String = run(redis, &FILL, &keys, &arguments, Again::No).await?;
    Ok(match answer.as_str() {
        "stored" => Filled::Stored,
        "taken" => Filled::Taken,
        _ => Filled::Gone,
    })
}

pub(crate) async fn give_up(redis: &Redis, token: &Token) -> Result<(), Cause> {
    let arguments: [&[u8]; 2] = [&token.stamp, b"whole"];
    let key = [&*token.names.token];
    run(redis, &DELETE_IF, &key, &arguments, Again::Yes).await
}

pub(crate) async fn put(
    redis: &Redis,
    names: &EntryKeys,
    value: &[u8],
    ttl: Duration,
) -> Result<(), Cause> {
    let (new, ttl) = (new_generation(), millis(ttl).to_string());
    let arguments = [value, ttl.as_bytes(), new.as_bytes()];
    run_in_epoch(redis, &PUT, names, &arguments, Again::No).await
}

/// Runs a script on the keys of an entry. If the cache has a generation, the epoch of the store
/// becomes the last argument.
async fn run_in_epoch<T: FromRedisValue>(
    redis: &Redis,
    script: &'static Script,
    names: &EntryKeys,
    arguments: &[&[u8]],
    again: Again,
) -> Result<T, Cause> {
    let keys = keys_of(names);
    let Some(generation) = &names.generation else {
        return run(redis, script, &keys, arguments, again).await;
    };
    let request = Request::Script(Call {
        script,
        keys: &keys,
        arguments,
    });
    let asked = redis.request_in_epoch(generation, &request, again, &names.value);
    asked.await.map(|(answer, _)| answer)
}

/// Runs a script. Errors name the first of its keys.
async fn run<T: FromRedisValue>(
    redis: &Redis,
    script: &'static Script,
    keys: &[&str],
    arguments: &[&[u8]],
    again: Again,
) -> Result<T, Cause> {
    let call = Call {
        script,
        keys,
        arguments,
    };
    redis.request(&Request::Script(call), again, keys[0]).await
}

fn keys_of(names: &EntryKeys) -> Vec<&str> {
    let keys = [&names.value, &names.token].into_iter();
    keys.chain(&names.generation).map(String::as_str).collect()
}

fn on(command: &str, key: &str) -> Cmd {
    let mut command = cmd(command);
    command.arg(key);
    command
}

/// A value, with its TTL as `PTTL` returns it: -1 for no TTL, -2 if there was no value yet.
fn found(value: Vec<u8>, ttl: i64) -> Found {
    let ttl = (ttl != -1).then(|| Duration::from_millis(ttl.try_into().unwrap_or(0)));
    Found { value, ttl }
}
