//! The operations of the keyspace, as commands and scripts.
//!
//! They must run on Redis 6.0, so scripts do what a newer server has commands for, such as deleting
//! a key if it has a certain value.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use redis::{FromRedisValue, cmd};

use super::commands::Again;
use super::entries::{
    acquired_bare, acquired_sealed, acquiring, bare_commands, bare_found, filled, filling, found,
    on, putting, sealed_commands, sealed_found,
};
use super::pipeline::{MOST_DELETED, deletions};
use super::request::{Call, Request, Script, script};
use super::{Nodes, Redis};
use crate::health::Cause;
use crate::random::nonce;
use crate::transport::token::{
    Acquired, Compare, Content, DeleteIf, EntryKeys, Filled, Found, Record, Seek, Stored, Token,
    millis,
};

static DELETE_IF: Script = script!("delete_if.lua");
static EVICT: Script = script!("epoch.lua", "evict.lua");
static EXCHANGE_RECORDS: Script = script!("exchange_records.lua");

/// About how many keys the server visits in one step of a scan.
const STEP: usize = 1000;

pub(crate) async fn get(redis: Nodes<'_>, key: &str) -> Result<Option<Vec<u8>>, Cause> {
    let request = Request::Command(on("GET", key));
    redis.request(&request, Again::Yes, key).await
}

pub(crate) async fn set(
    redis: Nodes<'_>,
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
    redis: Nodes<'_>,
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
        let stored: bool = redis.request(&set, Again::IfDropped, key).await?;
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

pub(crate) async fn claim(
    redis: Nodes<'_>,
    key: &str,
    value: &[u8],
    ttl: Duration,
) -> Result<Option<Duration>, Cause> {
    let mut set = on("SET", key);
    set.arg(value).arg("PX").arg(millis(ttl)).arg("NX");
    let request = Request::all([set, on("GET", key), on("PTTL", key)]);
    loop {
        let (stored, found, left): (bool, Option<Vec<u8>>, i64) =
            redis.request(&request, Again::IfDropped, key).await?;
        // The commands may have been sent twice, and the first may have stored it.
        if stored || found.as_deref() == Some(value) {
            return Ok(None);
        }
        // The value may have ended between the commands.
        if let (Some(_), Some(left)) = (found, rest(left)) {
            return Ok(Some(left));
        }
    }
}

pub(crate) async fn ttl(redis: Nodes<'_>, key: &str) -> Result<Option<Duration>, Cause> {
    let request = Request::Command(on("PTTL", key));
    redis.request(&request, Again::Yes, key).await.map(rest)
}

/// What `PTTL` answers.
fn rest(left: i64) -> Option<Duration> {
    match left {
        -1 => Some(Duration::MAX),
        // It ends within a millisecond.
        0 => Some(Duration::from_millis(1)),
        left => u64::try_from(left).ok().map(Duration::from_millis),
    }
}

pub(crate) async fn delete(redis: Nodes<'_>, keys: &[String]) -> Result<u64, Cause> {
    let mut deleted = 0;
    for (key, command) in deletions(keys, redis.has_slots()) {
        // If the command is sent twice, the second may delete a newer value. That only costs a
        // load.
        let request = Request::Command(command);
        let answer: u64 = redis.request(&request, Again::Yes, key).await?;
        deleted += answer;
    }
    Ok(deleted)
}

/// Deletes a key, and returns whether it existed. It is not sent twice: a second command could delete what
/// another caller has stored meanwhile.
pub(crate) async fn remove(redis: Nodes<'_>, key: &str) -> Result<bool, Cause> {
    let request = Request::Command(on("DEL", key));
    redis.request(&request, Again::No, key).await
}

/// Deletes entries of a cache with a generation, or the generation; but only on the server that the
/// connection was opened to.
pub(crate) async fn evict(
    redis: Nodes<'_>,
    generation: &str,
    keys: &[String],
) -> Result<(), Cause> {
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
    redis: Nodes<'_>,
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

pub(crate) async fn count(redis: Nodes<'_>, prefix: &str) -> Result<u64, Cause> {
    // A scan may return a key twice. Hashes are kept, because they are smaller than keys.
    let (hasher, mut seen) = (RandomState::new(), HashSet::new());
    let pattern = pattern(prefix);
    let scan = |cursor: u64| {
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(&pattern);
        command.arg("COUNT").arg(STEP);
        Request::Command(command)
    };
    let mut count = async |redis: &Redis| {
        let mut cursor = 0;
        loop {
            let request = scan(cursor);
            let asked = redis.request(&request, Again::Yes, prefix);
            let (next, keys): (u64, Vec<Vec<u8>>) = asked.await?;
            seen.extend(keys.into_iter().map(|key| hasher.hash_one(key)));
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    };
    match redis {
        Nodes::One(redis) => count(redis).await?,
        Nodes::Cluster(cluster) => {
            for redis in cluster.map().await?.nodes() {
                count(redis).await?;
            }
        }
    }
    Ok(seen.len() as u64)
}

pub(crate) async fn exchange_records(
    redis: Nodes<'_>,
    key: &str,
    process: &str,
    content: Option<&[u8]>,
    ttl: Duration,
    most: usize,
) -> Result<Vec<Record>, Cause> {
    let (ttl, most) = (millis(ttl).to_string(), most.to_string());
    let (stores, content) = content.map_or((&b"0"[..], &[][..]), |content| (b"1", content));
    let arguments = [
        process.as_bytes(),
        content,
        ttl.as_bytes(),
        most.as_bytes(),
        stores,
    ];
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

pub(crate) async fn lookup(redis: Nodes<'_>, names: &EntryKeys) -> Result<Option<Found>, Cause> {
    match &names.stored {
        Stored::Bare { absence } => lookup_bare(redis, names, absence).await,
        Stored::Sealed { generation, group } => {
            lookup_sealed(redis, names, generation, group.as_deref()).await
        }
    }
}

async fn lookup_bare(
    redis: Nodes<'_>,
    names: &EntryKeys,
    absence: &str,
) -> Result<Option<Found>, Cause> {
    let key = &*names.value;
    let request = Request::all(bare_commands(names, absence));
    let absence = match bare_found(redis.request(&request, Again::Yes, key).await?) {
        Ok(found) => return Ok(found),
        Err(absence) => absence,
    };
    let request = Request::all([on("PTTL", key), on("GET", key)]);
    let (ttl, value): (i64, Option<Vec<u8>>) = redis.request(&request, Again::Yes, key).await?;
    Ok(value.map(|value| found(value, false, ttl)).or(absence))
}

async fn lookup_sealed(
    redis: Nodes<'_>,
    names: &EntryKeys,
    generation: &str,
    group: Option<&str>,
) -> Result<Option<Found>, Cause> {
    let key = &*names.value;
    let request = Request::all(sealed_commands(names, generation, group));
    let asked = redis.request_in_epoch(generation, &request, Again::Yes, key);
    let (answer, epoch) = asked.await?;
    Ok(sealed_found(answer, &epoch))
}

pub(crate) async fn acquire(
    redis: Nodes<'_>,
    names: &EntryKeys,
    seek: Seek,
    ttl: Duration,
) -> Result<Acquired, Cause> {
    let nonce = nonce();
    let (script, arguments) = acquiring(names, seek, ttl, &nonce);
    let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
    let [value, holder] = [&*names.value, &*names.token];
    // If a script is sent twice, the second finds the token that the first stored.
    match &names.stored {
        Stored::Bare { absence } => {
            let keys = [value, holder, absence];
            let asked = run(redis, script, &keys, &arguments, Again::IfDropped);
            Ok(acquired_bare(names, nonce, asked.await?))
        }
        Stored::Sealed { generation, group } => {
            let keys = [value, holder, generation].into_iter();
            let keys: Vec<_> = keys.chain(group.as_deref()).collect();
            let request = Request::Script(Call {
                script,
                keys: &keys,
                arguments: &arguments,
            });
            let asked = redis.request_in_epoch(generation, &request, Again::IfDropped, value);
            Ok(acquired_sealed(names, &nonce, asked.await?.0))
        }
    }
}

pub(crate) async fn fill(
    redis: Nodes<'_>,
    token: &Token,
    content: &Content<'_>,
    ttl: Duration,
) -> Result<Filled, Cause> {
    let (script, keys, arguments) = filling(token, content, ttl);
    let arguments: Vec<&[u8]> = arguments.iter().map(|argument| &**argument).collect();
    let answer: String = run(redis, script, &keys, &arguments, Again::No).await?;
    Ok(filled(&answer))
}

pub(crate) async fn give_up(redis: Nodes<'_>, token: &Token) -> Result<(), Cause> {
    let arguments: [&[u8]; 2] = [&token.stamp, b"whole"];
    let key = [&*token.names.token];
    run(redis, &DELETE_IF, &key, &arguments, Again::Yes).await
}

pub(crate) async fn put(
    redis: Nodes<'_>,
    names: &EntryKeys,
    content: &Content<'_>,
    ttl: Duration,
) -> Result<(), Cause> {
    let key = match (&names.stored, content) {
        (Stored::Bare { absence }, Content::Absence(_)) => absence,
        _ => &names.value,
    };
    let request = Request::all(putting(names, content, ttl));
    redis.request(&request, Again::No, key).await
}

/// Runs a script. Errors name the first of its keys.
async fn run<T: FromRedisValue>(
    redis: Nodes<'_>,
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
