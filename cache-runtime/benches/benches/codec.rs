//! Decoding and encoding against `serde_json` with an internally tagged derive, in the same run.
//!
//! ```sh
//! cargo bench -p benches --bench codec
//! ```
//!
//! Each figure is the median of many short rounds of both sides in turn. No time makes the
//! benchmark fail.

use std::hint::black_box;

use benches::{Comparison, compare};
use cache_runtime::InvalidationEvent;
use serde::{Deserialize, Serialize};

#[derive(Debug, InvalidationEvent)]
enum Ours {
    Channel {
        channel_id: String,
    },
    Guild {
        guild_id: String,
    },
    User {
        user_id: String,
        guild_id: String,
    },
    Role {
        guild_id: String,
        role_id: String,
        position: u32,
        hoist: bool,
    },
    All,
}

/// The same wire format. An empty struct variant, because a unit variant would let extra keys pass.
#[derive(Debug, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum Theirs {
    Channel {
        channel_id: String,
    },
    Guild {
        guild_id: String,
    },
    User {
        user_id: String,
        guild_id: String,
    },
    Role {
        guild_id: String,
        role_id: String,
        position: u32,
        hoist: bool,
    },
    All {},
}

/// The number of payloads of a round. Each is used `REPEATS` times.
const PAYLOADS: u64 = 128;
const REPEATS: u32 = 8;

fn main() {
    let canonical = payloads(|id| format!(r#"{{"type":"channel","channelId":"{id}"}}"#));
    let reordered = payloads(|id| format!(r#"{{"channelId":"{id}","type":"channel"}}"#));
    let escaped = payloads(|id| format!(r#"{{"type":"channel","channelId":"\u0031{id}"}}"#));
    goal("decode_canonical", decode(&canonical), 4.0);
    goal("decode_reordered", decode(&reordered), 3.0);
    goal("decode_escaped", decode(&escaped), 2.0);
    goal("encode_into_a_reused_buffer", encode(&canonical), 3.0);

    println!("\nOther payloads, without a goal:");
    let mixed = payloads(|id| match id % 5 {
        0 => format!(r#"{{"type":"channel","channelId":"{id}"}}"#),
        1 => format!(r#"{{"type":"guild","guildId":"{id}"}}"#),
        2 => format!(r#"{{"type":"user","userId":"{id}","guildId":"{id}"}}"#),
        3 => role(id, "", r#""type":"role","#),
        _ => r#"{"type":"all"}"#.to_owned(),
    });
    other("decode all variants in turn", decode(&mixed));
    let all = payloads(|_| r#"{"type":"all"}"#.to_owned());
    other("decode no fields", decode(&all));
    let four = payloads(|id| role(id, "", r#""type":"role","#));
    other("decode four fields", decode(&four));
    let last = payloads(|id| role(id, r#","type":"role""#, ""));
    other("decode four fields, the tag last", decode(&last));
    let spaced = payloads(|id| format!(r#"{{ "type": "channel", "channelId": "{id}" }}"#));
    other("decode with white space", decode(&spaced));
    let keys = payloads(|id| format!(r#"{{"t\u0079pe":"channel","channel\u0049d":"{id}"}}"#));
    other("decode with escapes in keys", decode(&keys));
    other("encode all variants in turn", encode(&mixed));
    let quoted = payloads(|id| format!(r#"{{"type":"channel","channelId":"\"{id}\n"}}"#));
    other("encode with escapes", encode(&quoted));
}

fn role(id: u64, after: &str, before: &str) -> String {
    let (position, hoist) = (id % 500, id.is_multiple_of(2));
    let fields =
        format!(r#""guildId":"{id}","roleId":"{id}","position":{position},"hoist":{hoist}"#);
    format!("{{{before}{fields}{after}}}")
}

fn payloads(payload: impl Fn(u64) -> String) -> Vec<String> {
    // Numbers of 18 digits, such as the identifiers of chat services.
    let id = |n: u64| {
        100_000_000_000_000_000 + n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 900_000_000_000_000_000
    };
    (0..PAYLOADS).map(|n| payload(id(n))).collect()
}

fn decode(payloads: &[String]) -> Comparison {
    let ours =
        |payload: &str| black_box(Ours::decode(black_box(payload.as_bytes())).expect("an event"));
    let theirs = |payload: &str| {
        black_box(
            serde_json::from_slice::<Theirs>(black_box(payload.as_bytes())).expect("an event"),
        )
    };
    for payload in payloads {
        assert_eq!(
            format!("{:?}", ours(payload)),
            format!("{:?}", theirs(payload))
        );
    }
    compare(
        count(payloads),
        || each(payloads, |payload| drop(ours(payload))),
        || each(payloads, |payload| drop(theirs(payload))),
    )
}

/// Compares encoding: ours into one reused buffer, theirs with `to_vec`.
fn encode(payloads: &[String]) -> Comparison {
    let ours: Vec<_> = payloads
        .iter()
        .map(|payload| Ours::decode(payload.as_bytes()).expect("an event"))
        .collect();
    let theirs: Vec<Theirs> = payloads
        .iter()
        .map(|payload| serde_json::from_str(payload).expect("an event"))
        .collect();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.encode().ok(), serde_json::to_vec(theirs).ok());
    }
    let mut buffer = Vec::new();
    compare(
        count(payloads),
        || {
            each(&ours, |event| {
                buffer.clear();
                black_box(event).encode_into(&mut buffer).expect("JSON");
                black_box(&buffer);
            });
        },
        || {
            each(&theirs, |event| {
                black_box(serde_json::to_vec(black_box(event)).expect("JSON"));
            });
        },
    )
}

fn each<T>(items: &[T], mut run: impl FnMut(&T)) {
    for _ in 0..REPEATS {
        items.iter().for_each(&mut run);
    }
}

fn count(payloads: &[String]) -> u32 {
    u32::try_from(payloads.len()).expect("few payloads") * REPEATS
}

fn goal(name: &str, comparison: Comparison, goal: f64) {
    println!("ratio {name} = {:.2} (goal >= {goal})", comparison.ratio);
}

fn other(
    name: &str,
    Comparison {
        ours,
        theirs,
        ratio,
    }: Comparison,
) {
    println!("{name}: {ours:?} against {theirs:?}, {ratio:.2} times as quick");
}
