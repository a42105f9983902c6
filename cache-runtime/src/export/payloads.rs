//! Payloads at the edges of a contract, each with the verdict of the decoder.

use std::fmt::Write as _;

use super::error::ExportError;
use super::json;
use super::samples::{UNKNOWN, invalid, sample, valid};
use super::shape::Shape;
use crate::defaults::MAX_PAYLOAD;
use crate::event::RejectionKind;
use crate::wire::{EventSchema, Rejection, VariantSchema};

/// Decodes a payload of at most so many bytes, and drops the event.
pub(super) type Decode = fn(&[u8], usize) -> Result<(), Rejection>;

/// A payload and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Golden {
    pub(super) payload: Vec<u8>,
    /// The limit on its length, if it is not the default.
    pub(super) limit: Option<usize>,
    pub(super) verdict: Result<(), RejectionKind>,
}

pub(super) fn golden(
    schema: &'static EventSchema,
    shapes: &[Vec<Shape>],
    decode: Decode,
) -> Result<Vec<Golden>, ExportError> {
    let mut all = Payloads {
        schema,
        decode,
        golden: Vec::new(),
    };
    for (variant, shapes) in schema.variants().iter().zip(shapes) {
        all.of_variant(variant, shapes)?;
    }
    all.of_event(shapes);
    Ok(all.golden)
}

struct Payloads {
    schema: &'static EventSchema,
    decode: Decode,
    golden: Vec<Golden>,
}

type Members<'m> = Vec<(&'m str, String)>;

impl Payloads {
    fn of_variant(&mut self, variant: &VariantSchema, shapes: &[Shape]) -> Result<(), ExportError> {
        let fields = variant.fields();
        let tag = [(self.schema.tag(), json::quoted(variant.wire()))];
        let samples = fields.iter().zip(shapes);
        let samples = samples.map(|(field, shape)| (field.wire(), sample(shape)));
        let members: Members<'_> = tag.into_iter().chain(samples).collect();
        for (index, (field, shape)) in fields.iter().zip(shapes).enumerate() {
            let good = valid(shape).into_iter().map(|json| (json, true));
            let bad = invalid(shape).into_iter().map(|json| (json, false));
            let null = [("null".to_owned(), false)];
            for (json, good) in good.chain(bad).chain(null) {
                let good = good && !(field.non_empty() && is_empty(&json));
                let mut members = members.clone();
                members[index + 1].1.clone_from(&json);
                let accepted = self.note(json::object(members));
                // What is exported goes by the shape.
                if accepted != good {
                    let what = if accepted { "accepts" } else { "rejects" };
                    let why = format!("its `Deserialize` {what} {json}");
                    return Err(ExportError::new(self.schema, variant, field, why));
                }
            }
            let mut missing = members.clone();
            missing.remove(index + 1);
            self.note(json::object(missing));
        }
        self.note(json::object(members.clone()));
        self.note(json::object(members.iter().rev().cloned()));
        self.note(spread(&members));
        for (key, value) in &members {
            // The key once more: as it is, and with another spelling.
            let one = json::object(members.clone());
            for again in [json::quoted(key), escaped(key)] {
                let (start, _) = one.split_at(one.len() - 1);
                self.note(format!("{start},{again}:{value}}}"));
            }
        }
        let further = [(UNKNOWN, "1".to_owned())];
        self.note(json::object(members.into_iter().chain(further)));
        Ok(())
    }

    fn of_event(&mut self, shapes: &[Vec<Shape>]) {
        let schema = self.schema;
        let tag = schema.tag();
        for text in [
            "null", "7", "\"\"", "true", "[]", "{}", "", " ", "{", "}", "nul",
        ] {
            self.note(text.to_owned());
        }
        for wrong in [
            json::quoted(UNKNOWN),
            "null".into(),
            "7".into(),
            "[]".into(),
        ] {
            self.note(json::object([(tag, wrong)]));
        }
        let Some((variant, shapes)) = schema.variants().iter().zip(shapes).next() else {
            return;
        };
        let fields = variant.fields().iter().zip(shapes);
        let fields = fields.map(|(field, shape)| (field.wire(), sample(shape)));
        let name = json::quoted(variant.wire());
        let event = json::object([(tag, name.clone())].into_iter().chain(fields.clone()));
        self.note(json::object(fields));
        self.note(json::array([&event]));
        self.note(event.replacen(&name, &name.to_uppercase(), 1));
        for (before, after) in [
            ("", " x"),
            ("", "{}"),
            ("", ","),
            ("", "\u{0}"),
            ("\u{feff}", ""),
            ("\u{a0}", ""),
            ("/**/", ""),
            ("", "//"),
        ] {
            self.note(format!("{before}{event}{after}"));
        }
        self.note(format!(" \t\r\n{event} \t\r\n"));
        let (start, _) = event.split_at(event.len() - 1);
        let inner = |value: &str| format!("{start},\"x\":{value}}}");
        for value in [
            "01",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "0x1",
            "NaN",
            "'a'",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0061\"",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1,\"a\":2}",
            "[{\"a\":1,\"\\u0061\":2}]",
        ] {
            self.note(inner(value));
        }
        self.note(format!("{start},}}"));
        for levels in [127, 128] {
            self.note(inner(&("[".repeat(levels) + &"]".repeat(levels))));
        }
        for limit in [event.len(), event.len() - 1] {
            self.note_within(event.clone().into_bytes(), Some(limit));
        }
        let mut bytes = event.into_bytes();
        bytes.push(0xff);
        self.note_within(bytes, None);
    }

    /// Notes a payload with its verdict. Returns whether it is accepted.
    fn note(&mut self, payload: String) -> bool {
        self.note_within(payload.into_bytes(), None)
    }

    fn note_within(&mut self, payload: Vec<u8>, limit: Option<usize>) -> bool {
        let verdict = (self.decode)(&payload, limit.unwrap_or(MAX_PAYLOAD));
        let verdict = verdict.map_err(|rejection| rejection.kind());
        let golden = Golden {
            payload,
            limit,
            verdict,
        };
        if !self.golden.contains(&golden) {
            self.golden.push(golden);
        }
        verdict.is_ok()
    }
}

fn is_empty(json: &str) -> bool {
    let inner = json.strip_prefix(['"', '[', '{']);
    inner.is_some_and(|inner| matches!(inner.trim_start(), "\"" | "]" | "}")) && json != "\" \""
}

/// A string with an escape for its first character.
fn escaped(text: &str) -> String {
    let mut rest = text.chars();
    let mut out = String::from("\"");
    if let Some(first) = rest.next() {
        for unit in first.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04X}");
        }
    }
    let rest = json::quoted(rest.as_str());
    out + &rest[1..]
}

/// An object with white space everywhere, whose keys have escapes.
fn spread(members: &[(&str, String)]) -> String {
    let members = members.iter();
    let members: Vec<_> = members
        .map(|(key, value)| format!("\n\t{} : {value} ", escaped(key)))
        .collect();
    format!("{{ {}\r\n}}", members.join(","))
}
