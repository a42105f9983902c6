//! What is exported for TypeScript, Zod and JSON Schema gives the verdicts of the decoder: on the
//! payloads of eleven services, on golden payloads, and on random edits of both.

#[path = "../../examples/events/mod.rs"]
mod events;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cache_runtime::InvalidationEvent;
use cache_runtime::export::{self, Contract};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::process::Command;

use events::{
    ApiKeyEvent, ChannelActivationEvent, ConfigCascadeEvent, DenylistEvent, LlmConfigEvent,
    PersonaEvent, PersonalityEvent, SttResolverEvent, SystemSettingsEvent, TtsConfigEvent,
    UserEvent,
};

const VECTORS: &str = include_str!("../vectors/events.jsonl");

/// How many random edits are compared.
const EDITS: usize = 4000;

/// Every type that a contract can describe.
///
/// Its comment ends here: */
#[derive(Debug, InvalidationEvent)]
#[invalidation(tag = "kind")]
enum EveryTypeEvent {
    /// Numbers.
    Numbers {
        /// One byte.
        byte: u8,
        signed: i16,
        wide: u64,
        widest: i128,
        ratio: f64,
        narrow: f32,
    },
    Strings {
        #[invalidation(as_string)]
        id: u64,
        #[invalidation(as_string, non_empty)]
        ids: Vec<i64>,
        #[invalidation(as_string)]
        widest: i128,
        #[invalidation(non_empty)]
        name: String,
        char: char,
        on: bool,
    },
    Nested {
        open: Open,
        closed: Closed,
        mode: Mode,
        #[invalidation(non_empty)]
        modes: Vec<Mode>,
        #[invalidation(rename = "a \"pair\"")]
        pair: (u8, Option<String>),
        #[invalidation(non_empty)]
        map: BTreeMap<String, Vec<i8>>,
        id: Id,
        any: Value,
        empty: Empty,
        #[invalidation(non_empty)]
        some: Defaults,
    },
    #[invalidation(rename = "__proto__")]
    Odd {
        #[invalidation(rename = "constructor")]
        value: String,
    },
    Proto {
        proto: Proto,
        widest_id: WidestId,
    },
    All,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    wide_id: i128,
    ratio: f32,
    note: Option<String>,
    #[serde(default)]
    count: u32,
}

/// Zod does not see its key.
#[derive(Debug, Serialize, Deserialize)]
struct Proto {
    #[serde(rename = "__proto__")]
    proto: bool,
}

/// `serde_json` would read `1` of `1.5`.
#[derive(Debug, Serialize, Deserialize)]
struct WidestId(i128);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    inner: Vec<Open>,
    unit: (),
}

#[derive(Debug, Serialize, Deserialize)]
struct Empty {}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Defaults {
    bits: Vec<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Id(u64);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Mode {
    Mute,
    Until { hour: u8 },
    Level(f64),
    Range(i32, i32),
}

/// Event types that are called as types and words of TypeScript, and of the modules.
mod named {
    use cache_runtime::InvalidationEvent;

    macro_rules! named {
        ($($name:ident)*) => {
            $(
                #[derive(Debug, InvalidationEvent)]
                pub(super) enum $name {
                    All,
                }
            )*

            pub(super) fn all() -> Vec<super::Contract> {
                vec![$(super::Contract::of::<$name>().unwrap()),*]
            }
        };
    }

    named!(Event Class Map Error Record Node Verdict Decode Text Narrow);
}

/// An event type without its type.
struct Exported {
    /// As the vectors call it.
    service: &'static str,
    contract: Contract,
    verdict: fn(&[u8], Option<usize>) -> &'static str,
}

fn exported<E: InvalidationEvent>(service: &'static str) -> Exported {
    Exported {
        service,
        contract: Contract::of::<E>().unwrap(),
        verdict: |payload, limit| {
            let decoded = match limit {
                Some(limit) => E::decode_within(payload, limit),
                None => E::decode(payload),
            };
            decoded.map_or_else(|rejection| rejection.kind().as_str(), |_| "accepted")
        },
    }
}

fn all() -> Vec<Exported> {
    vec![
        exported::<PersonalityEvent>("personality"),
        exported::<ApiKeyEvent>("api_key"),
        exported::<LlmConfigEvent>("llm_config"),
        exported::<TtsConfigEvent>("tts_config"),
        exported::<PersonaEvent>("persona"),
        exported::<ChannelActivationEvent>("channel_activation"),
        exported::<ConfigCascadeEvent>("config_cascade"),
        exported::<DenylistEvent>("denylist"),
        exported::<SttResolverEvent>("stt_resolver"),
        exported::<SystemSettingsEvent>("system_settings"),
        exported::<UserEvent>("user"),
        exported::<EveryTypeEvent>("every_type"),
    ]
}

#[tokio::test]
async fn exported_validators_give_the_verdicts_of_the_decoder() {
    let all = all();
    let Some(client) = super::client().await else {
        return;
    };
    let mut contracts: Vec<_> = all.iter().map(|event| event.contract.clone()).collect();
    contracts.extend(named::all());
    let folder = client.join("contract");
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("events.ts", &export::typescript(&contracts));
    write("zod.ts", &export::zod(&contracts));
    write("events.schema.json", &export::json_schema(&contracts));
    write("rows.jsonl", &rows(&all, &export::golden(&contracts)));

    let script = client.join("node_modules/typescript/bin/tsc");
    let options = "--strict --noUnusedLocals --noUnusedParameters --noUncheckedIndexedAccess \
                   --exactOptionalPropertyTypes --target es2020 --module nodenext --skipLibCheck \
                   events.ts zod.ts";
    node(
        &folder,
        &script,
        &options.split_whitespace().collect::<Vec<_>>(),
    )
    .await;
    let compared = node(&folder, &client.join("contract.mjs"), &["."]).await;
    let counts: Value = serde_json::from_str(compared.lines().next().unwrap()).unwrap();
    println!("{counts}");
    for (what, least) in [("rows", 8000), ("accepted", 500), ("parsed", 3000)] {
        assert!(counts[what].as_u64().unwrap() >= least, "{counts}");
    }
}

/// Runs a script to its end, and returns what it prints.
async fn node(folder: &Path, script: &Path, arguments: &[&str]) -> String {
    let mut node = Command::new("node");
    node.arg(script).args(arguments).current_dir(folder);
    let output = node.output().await.expect("node runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    text
}

/// Payloads with their verdicts: one JSON object per line.
fn rows(all: &[Exported], golden: &str) -> String {
    let mut rows = String::new();
    let mut texts = Vec::new();
    for line in VECTORS.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let event = all.iter().find(|event| row["service"] == event.service);
        let (event, payload) = (event.unwrap(), row["payload"].as_str().unwrap());
        let verdict = (event.verdict)(payload.as_bytes(), None);
        assert_eq!(row["accept"], verdict == "accepted", "{line}");
        let name = event.contract.name();
        let row = json!({"event": name, "payload": payload, "verdict": verdict});
        writeln!(rows, "{row}").unwrap();
        texts.push((event, payload.to_owned()));
    }
    let golden: Value = serde_json::from_str(golden).unwrap();
    for event in all {
        let name = event.contract.name();
        for row in golden[name].as_array().unwrap() {
            let mut row = row.clone();
            row["event"] = name.into();
            writeln!(rows, "{row}").unwrap();
            if let Some(payload) = row["payload"].as_str() {
                let limit = row["maxPayload"]
                    .as_u64()
                    .map(|limit| limit.try_into().unwrap());
                assert_eq!(row["verdict"], (event.verdict)(payload.as_bytes(), limit));
                // So that the types that no service uses are edited as often.
                let times = if event.service == "every_type" { 4 } else { 1 };
                texts.extend(std::iter::repeat_n((event, payload.to_owned()), times));
            }
        }
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..EDITS {
        let (event, text) = &texts[random.below(texts.len())];
        let mut payload = text.clone();
        for _ in 0..=random.below(3) {
            payload = random.edit(&payload, &texts);
        }
        let verdict = (event.verdict)(payload.as_bytes(), None);
        let name = event.contract.name();
        let row = json!({"event": name, "payload": payload, "verdict": verdict});
        writeln!(rows, "{row}").unwrap();
    }
    rows
}

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).unwrap()
    }

    /// A text with one change: something is left out, put in, replaced or repeated.
    fn edit(&mut self, text: &str, texts: &[(&Exported, String)]) -> String {
        const PIECES: [&str; 40] = [
            "\"",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\\",
            "\\u0041",
            "\\ud800",
            "\\udc00",
            "0",
            "1",
            "9",
            "-",
            "-0",
            ".",
            ".0",
            "e",
            "E+2",
            "null",
            "true",
            "false",
            "\"type\"",
            "\"all\"",
            "\"id\":1,",
            "{}",
            "[]",
            "\"\"",
            " ",
            "\t",
            "\n",
            "\u{0}",
            "\u{a0}",
            "é",
            "😀",
            "9007199254740993",
            "18446744073709551616",
            "1e400",
            "\u{feff}",
        ];
        let chars: Vec<char> = text.chars().collect();
        let from = self.below(chars.len() + 1);
        let to = (from + self.below(4)).min(chars.len());
        let (before, middle) = (&chars[..from], &chars[from..to]);
        let after = &chars[to..];
        let text = |chars: &[char]| chars.iter().collect::<String>();
        let piece = PIECES[self.below(PIECES.len())];
        match self.below(5) {
            0 => text(before) + &text(after),
            1 => text(before) + piece + &text(middle) + &text(after),
            2 => text(before) + piece + &text(after),
            3 => text(before) + &text(middle) + &text(middle) + &text(after),
            _ => {
                // The rest of another payload.
                let other: Vec<char> = texts[self.below(texts.len())].1.chars().collect();
                text(before) + &text(&other[from.min(other.len())..])
            }
        }
    }
}
