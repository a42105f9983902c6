//! What the commands do.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::runtime;

use super::arguments::{Asked, Command, Format, HELP};
use crate::bus::Bus;
use crate::channel::{DeclaredChannel, channels};
use crate::doctor::{Heard, Verdict, verdict};
use crate::export;

/// Why a command has failed.
pub(super) enum Failure {
    /// What it prints could not be written.
    Output(io::Error),
    /// It has printed the reason.
    Printed,
    /// The reason.
    Told(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// With what has caused it.
fn told(error: impl fmt::Display) -> Failure {
    Failure::Told(format!("{error:#}"))
}

pub(super) fn run(asked: &Asked, out: &mut dyn Write) -> Result<(), Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(told)?;
    match &asked.command {
        Command::Help => writeln!(out, "{HELP}")?,
        Command::Version => writeln!(out, "cache-runtime {}", env!("CARGO_PKG_VERSION"))?,
        Command::Export(format) => write!(out, "{}", exported(*format)?)?,
        Command::Doctor { channels } => runtime.block_on(doctor(asked, channels, out))?,
        Command::Tail { channels, count } => {
            runtime.block_on(tail(asked, channels, *count, out))?;
        }
        Command::Publish { channel, payload } => {
            runtime.block_on(publish(asked, channel, payload, out))?;
        }
    }
    Ok(out.flush()?)
}

fn bus(asked: &Asked) -> Result<Bus, Failure> {
    let missing = || told("no server is named: give `--redis ADDRESS`, or set REDIS_URL");
    let address = asked.redis.as_ref().ok_or_else(missing)?;
    let mut builder = Bus::redis(address);
    if let Some(namespace) = &asked.namespace {
        builder = builder.namespace(namespace);
    }
    builder.connect_lazy().map_err(told)
}

fn exported(format: Format) -> Result<String, Failure> {
    let contracts = export::declared().map_err(told)?;
    if contracts.is_empty() {
        return Err(told(
            "this program declares no events: call `cache_runtime::cli::main` in one that links them",
        ));
    }
    Ok(match format {
        Format::TypeScript => export::typescript(&contracts),
        Format::Zod => export::zod(&contracts),
        Format::JsonSchema => export::json_schema(&contracts),
        Format::Golden => export::golden(&contracts),
    })
}

async fn doctor(asked: &Asked, further: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let declared = channels().into_iter().map(DeclaredChannel::channel);
    let mut channels: BTreeSet<&str> = declared.collect();
    channels.extend(further.iter().map(String::as_str));
    let diagnosis = bus(asked)?.doctor_of(channels).await;
    let text = if asked.json {
        diagnosis.to_json()
    } else {
        diagnosis.to_string()
    };
    let written = writeln!(out, "{text}");
    // Also if nobody reads it to its end.
    if !diagnosis.is_well() {
        return Err(Failure::Printed);
    }
    Ok(written?)
}

async fn tail(
    asked: &Asked,
    channels: &[String],
    count: Option<u64>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let bus = bus(asked)?;
    let mut tail = bus.tail(channels);
    tail.ready().await.map_err(told)?;
    let (begun, mut left) = (Instant::now(), count);
    while left != Some(0) {
        let heard = tail.recv().await;
        let heard = heard.ok_or_else(|| told(tail.health()))?;
        if asked.json {
            writeln!(out, "{}", heard.to_json())?;
        } else {
            writeln!(out, "{:>10.3} s  {heard}", begun.elapsed().as_secs_f64())?;
        }
        // Whoever reads it is told at once.
        out.flush()?;
        if let (Heard::Message(_), Some(left)) = (heard, &mut left) {
            *left -= 1;
        }
    }
    Ok(())
}

async fn publish(
    asked: &Asked,
    channel: &str,
    payload: &str,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let bus = bus(asked)?;
    let settings = bus.shared().settings();
    match verdict(channel, payload.as_bytes(), settings.max_payload) {
        Verdict::Event(_) => {}
        Verdict::Rejected(why) => return Err(told(format!("not published: {why}"))),
        Verdict::Undeclared => match serde_json::from_str::<Value>(payload) {
            Ok(Value::Object(_)) => {}
            Ok(_) => return Err(told("not published: an event is a JSON object")),
            Err(error) => return Err(told(format!("not published: it is no JSON: {error}"))),
        },
    }
    let name = settings.full_name(channel);
    let published = bus.shared().publish(&name, payload.as_bytes(), &[]).await;
    let receivers = published.and_then(|published| published.receivers);
    let receivers = receivers.map_err(told)?;
    bus.close().await;
    if asked.json {
        writeln!(out, "{}", json!({ "receivers": receivers }))?;
    } else {
        writeln!(out, "published; subscribers on this server: {receivers}")?;
    }
    Ok(())
}
