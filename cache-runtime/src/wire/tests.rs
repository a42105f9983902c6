//! An event as the derive would write it, and payloads that are accepted, rejected and written.

mod accepted;
mod rejected;
mod written;

use serde::{Deserialize, Serialize};

use super::{
    EncodeError, EventSchema, FieldSchema, Member, Rejection, VariantSchema, Writer, field, scan,
};

#[derive(Debug, Clone, PartialEq)]
enum Event {
    Channel { channel_id: String },
    Add { entry: Entry },
    Keys { keys: Vec<String> },
    Count { small: u8, big: i128, on: bool },
    Odd { odd: Odd },
    All,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    discord_id: String,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Mode {
    Mute,
    Block,
    Until { hour: u8 },
}

/// A type that no field should have, which an alias hides from the derive.
type Odd = Option<f64>;

const LIMIT: usize = 1000;

static SCHEMA: EventSchema = EventSchema::new(
    "Event",
    "type",
    &[
        VariantSchema::new(
            "Channel",
            "channel",
            r#"{"type":"channel""#,
            &[FieldSchema::new(
                "channel_id",
                "channelId",
                r#","channelId":"#,
                "String",
                true,
            )],
        ),
        VariantSchema::new(
            "Add",
            "add",
            r#"{"type":"add""#,
            &[FieldSchema::new(
                "entry",
                "entry",
                r#","entry":"#,
                "Entry",
                false,
            )],
        ),
        VariantSchema::new(
            "Keys",
            "keys",
            r#"{"type":"keys""#,
            &[FieldSchema::new(
                "keys",
                "keys",
                r#","keys":"#,
                "Vec<String>",
                true,
            )],
        ),
        VariantSchema::new(
            "Count",
            "count",
            r#"{"type":"count""#,
            &[
                FieldSchema::new("small", "small", r#","small":"#, "u8", false),
                FieldSchema::new("big", "big", r#","big":"#, "i128", false),
                FieldSchema::new("on", "on", r#","on":"#, "bool", false),
            ],
        ),
        VariantSchema::new(
            "Odd",
            "o\"dd",
            r#"{"type":"o\"dd""#,
            &[FieldSchema::new("odd", "ö\\", r#","ö\\":"#, "Odd", false)],
        ),
        VariantSchema::new("All", "all", r#"{"type":"all""#, &[]),
    ],
    5,
);

fn decode(payload: impl AsRef<[u8]>) -> Result<Event, Rejection> {
    let mut members = [Member::EMPTY; 3];
    Ok(
        match scan(&SCHEMA, payload.as_ref(), LIMIT, &mut members)? {
            0 => Event::Channel {
                channel_id: field(&SCHEMA, 0, 0, &members)?,
            },
            1 => Event::Add {
                entry: field(&SCHEMA, 1, 0, &members)?,
            },
            2 => Event::Keys {
                keys: field(&SCHEMA, 2, 0, &members)?,
            },
            3 => Event::Count {
                small: field(&SCHEMA, 3, 0, &members)?,
                big: field(&SCHEMA, 3, 1, &members)?,
                on: field(&SCHEMA, 3, 2, &members)?,
            },
            4 => Event::Odd {
                odd: field(&SCHEMA, 4, 0, &members)?,
            },
            _ => Event::All,
        },
    )
}

fn encode(event: &Event, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match event {
        Event::Channel { channel_id } => {
            let mut writer = Writer::new(&SCHEMA, 0, out);
            writer.field(0, channel_id).finish()
        }
        Event::Add { entry } => Writer::new(&SCHEMA, 1, out).field(0, entry).finish(),
        Event::Keys { keys } => Writer::new(&SCHEMA, 2, out).field(0, keys).finish(),
        Event::Count { small, big, on } => {
            let mut writer = Writer::new(&SCHEMA, 3, out);
            writer.field(0, small).field(1, big).field(2, on).finish()
        }
        Event::Odd { odd } => Writer::new(&SCHEMA, 4, out).field(0, odd).finish(),
        Event::All => Writer::new(&SCHEMA, 5, out).finish(),
    }
}

fn channel(id: &str) -> Event {
    Event::Channel {
        channel_id: id.to_owned(),
    }
}

/// `"k0":0,"k1":1,…`
fn many_keys() -> String {
    let keys: Vec<_> = (0..60).map(|n| format!(r#""k{n}":{n},"#)).collect();
    keys.concat()
}
