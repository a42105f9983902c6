//! Payloads of eleven services with the verdicts of their validators, one JSON object per line.
//!
//! The variable `EVENT_VECTORS` names another file of this form. A row has `service`, `payload`,
//! `accept` and, if accepted, `event`. `reference_accepts` is the verdict of the services in
//! production, which accept duplicate keys.

#[path = "../examples/events/mod.rs"]
mod events;

use std::{env, fs};

use cache_runtime::InvalidationEvent;
use cache_runtime::event::RejectionKind;
use serde::Deserialize;
use serde_json::Value;

use events::{
    ApiKeyEvent, ChannelActivationEvent, ConfigCascadeEvent, DenylistEvent, LlmConfigEvent,
    PersonaEvent, PersonalityEvent, SttResolverEvent, SystemSettingsEvent, TtsConfigEvent,
    UserEvent,
};

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/events.jsonl");

/// How many mismatches are shown.
const SHOWN: usize = 10;

#[derive(Deserialize)]
struct Row {
    service: String,
    payload: String,
    accept: bool,
    #[serde(default)]
    reference_accepts: Option<bool>,
    event: Option<Value>,
}

/// How many rows were accepted and rejected, each as expected.
#[derive(Default)]
struct Counts {
    accepted: usize,
    rejected: usize,
}

#[test]
fn every_row_has_its_verdict() {
    let path = env::var("EVENT_VECTORS").unwrap_or_else(|_| OWN.to_owned());
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    match check(&text) {
        Ok(Counts { accepted, rejected }) => {
            println!("{path}: {accepted} rows accepted, {rejected} rejected");
        }
        Err(report) => panic!("{path}: {report}"),
    }
}

#[test]
fn a_bad_file_is_an_error() {
    let row = |service: &str, payload: &str, verdict: &str| {
        let payload = Value::from(payload);
        format!(r#"{{"service":"{service}","payload":{payload},{verdict}}}"#)
    };
    let all = r#"{"type":"all"}"#;
    let good = row("user", all, r#""accept":true,"event":{"type":"all"}"#);
    assert!(check(&good).is_ok());
    for (text, report) in [
        (String::new(), "no rows"),
        ("\n \n".to_owned(), "no rows"),
        (format!("{good}\n{{"), "line 2: EOF while parsing"),
        (
            row("nobody", all, r#""accept":true"#),
            "line 1: unknown service \"nobody\"",
        ),
        (
            row("user", all, r#""accept":true"#),
            "line 1: accepted, but without `event`",
        ),
        (row("user", all, r#""accept":false"#), "should be rejected"),
        (
            row("user", "{", r#""accept":true,"event":{"type":"all"}"#),
            "should be accepted",
        ),
        (
            row("user", all, r#""accept":true,"event":{"type":"none"}"#),
            "decodes to",
        ),
    ] {
        let error = check(&text).err().unwrap_or_default();
        assert!(
            error.contains(report),
            "{text}\nshould report {report:?}, not {error:?}"
        );
    }
    let many = vec![row("user", all, r#""accept":false"#); SHOWN + 5].join("\n");
    let error = check(&many).err().unwrap_or_default();
    assert!(error.starts_with("15 of 15 rows differ"), "{error}");
    assert_eq!(error.lines().count(), 1 + SHOWN, "{error}");
}

fn check(text: &str) -> Result<Counts, String> {
    let mut counts = Counts::default();
    let mut mismatches = Vec::new();
    let rows = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    for (index, line) in rows {
        let at = |what: String| format!("line {}: {what}", index + 1);
        let row: Row = serde_json::from_str(line).map_err(|error| at(error.to_string()))?;
        match verdict(&row).map_err(at)? {
            Ok(()) if row.accept => counts.accepted += 1,
            Ok(()) => counts.rejected += 1,
            Err(mismatch) => {
                mismatches.push(at(format!("{}: {mismatch}: {}", row.service, row.payload)));
            }
        }
    }
    let rows = counts.accepted + counts.rejected + mismatches.len();
    if rows == 0 {
        return Err("no rows".to_owned());
    }
    if mismatches.is_empty() {
        return Ok(counts);
    }
    let (found, shown) = (mismatches.len(), &mismatches[..mismatches.len().min(SHOWN)]);
    Err(format!(
        "{found} of {rows} rows differ\n{}",
        shown.join("\n")
    ))
}

/// Compares a row with the decoder. `Err` means an invalid row, `Ok(Err(_))` a mismatch.
fn verdict(row: &Row) -> Result<Result<(), String>, String> {
    let compare = match row.service.as_str() {
        "personality" => compare::<PersonalityEvent>,
        "api_key" => compare::<ApiKeyEvent>,
        "llm_config" => compare::<LlmConfigEvent>,
        "tts_config" => compare::<TtsConfigEvent>,
        "persona" => compare::<PersonaEvent>,
        "channel_activation" => compare::<ChannelActivationEvent>,
        "config_cascade" => compare::<ConfigCascadeEvent>,
        "denylist" => compare::<DenylistEvent>,
        "stt_resolver" => compare::<SttResolverEvent>,
        "system_settings" => compare::<SystemSettingsEvent>,
        "user" => compare::<UserEvent>,
        other => return Err(format!("unknown service {other:?}")),
    };
    match (row.accept, &row.event) {
        (true, None) => Err("accepted, but without `event`".to_owned()),
        (true, Some(event)) => Ok(compare(row, Some(event))),
        (false, _) => Ok(compare(row, None)),
    }
}

/// Checks that the payload decodes to `event`, and that the decoded event encodes to the same
/// value.
fn compare<E: InvalidationEvent>(row: &Row, event: Option<&Value>) -> Result<(), String> {
    let decoded = match (E::decode(row.payload.as_bytes()), event) {
        (Ok(decoded), Some(_)) => decoded,
        // Only for duplicate keys is the reference less strict.
        (Err(rejection), None)
            if row.reference_accepts == Some(true)
                && rejection.kind() != RejectionKind::DuplicateKey =>
        {
            return Err(format!("no duplicate key, and rejected: {rejection}"));
        }
        (Err(_), None) => return Ok(()),
        (Ok(decoded), None) => {
            return Err(format!("should be rejected, is {}", decoded.describe()));
        }
        (Err(rejection), Some(_)) => return Err(format!("should be accepted: {rejection}")),
    };
    let encoded = decoded.encode().map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_slice(&encoded).map_err(|error| error.to_string())?;
    if Some(&value) == event {
        Ok(())
    } else {
        Err(format!("decodes to {value}"))
    }
}
