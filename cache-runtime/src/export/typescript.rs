//! Types of TypeScript, and a validator that takes the text of a payload.

use super::contract::Contract;
use super::layout::{Code, WIDTH, commented, literal};
use super::names::{type_name, value_name};
use super::shape::{Shape, is_rounded};
use crate::defaults::MAX_PAYLOAD;

/// Reads JSON text, and compares it with shapes.
const RUNTIME: &str = concat!(
    include_str!("runtime/shapes.ts"),
    "\n",
    include_str!("runtime/reading.ts"),
    "\n",
    include_str!("runtime/deciding.ts"),
);

/// A module of TypeScript without imports: the types of the events, and a validator for each.
///
/// `decode…(payload)` takes the text or the bytes of a payload and gives exactly the verdicts of
/// the decoder in Rust, with the same reason. `check…(value)` takes what `JSON.parse` has made of
/// it, and cannot see what the [module](super) lists.
///
/// The type has the name of the enum, with `Event` added where it does not end so, as in the other
/// exports. Integers that may be larger than 2^53 are of type `bigint`. The module needs ES2020 and
/// `TextDecoder`.
///
/// # Examples
///
/// ```
/// use cache_runtime::export::{self, Contract};
/// use cache_runtime::InvalidationEvent;
///
/// #[derive(InvalidationEvent)]
/// enum UserEvent {
///     User { discord_id: String },
///     All,
/// }
///
/// # fn main() -> Result<(), export::ExportError> {
/// let module = export::typescript(&[Contract::of::<UserEvent>()?]);
/// let types = r#"export type UserEvent = { type: "user"; discordId: string } | { type: "all" };"#;
/// assert!(module.contains(types));
/// assert!(module.contains("export function decodeUserEvent("));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn typescript(contracts: &[Contract]) -> String {
    let mut out = format!(
        "// Written by `cache_runtime::export::typescript`. Do not edit it.\n\n\
         /** The longest payload, in bytes, unless a service says otherwise. */\n\
         export const MAX_PAYLOAD = {MAX_PAYLOAD};\n",
    );
    for contract in contracts {
        out.push('\n');
        out.push_str(&event_type(contract));
    }
    out.push('\n');
    out.push_str(RUNTIME);
    for contract in contracts {
        out.push('\n');
        out.push_str(&validator(contract));
    }
    out
}

/// The documentation of an event type, with its channels and its fingerprint.
pub(super) fn documentation(contract: &Contract) -> String {
    let mut lines = Vec::new();
    if !contract.schema.doc().is_empty() {
        lines.extend([contract.schema.doc().to_owned(), String::new()]);
    }
    match &*contract.channels {
        [] => {}
        [channel] => lines.push(format!("Channel: {channel}")),
        channels => lines.push(format!("Channels: {}", channels.join(", "))),
    }
    lines.push(format!("Fingerprint: {}", contract.fingerprint()));
    commented(&lines.join("\n"), 0)
}

fn event_type(contract: &Contract) -> String {
    let tag = property(contract.schema.tag());
    let variants = contract.variants().map(|(variant, fields)| {
        let name = Code::entry(tag.clone(), Code::text(literal(variant.wire())));
        let fields = fields.iter().map(|(field, shape)| {
            let member = Code::entry(property(field.wire()), value_type(shape));
            documented(field.doc(), member)
        });
        let members = Code::members([name].into_iter().chain(fields).collect());
        documented(variant.doc(), members)
    });
    let declaration = format!("export type {} =", type_name(contract));
    let union = Code::Union(variants.collect());
    // On the same line it follows a space.
    let union = union.render(0, declaration.len() + 1, 1);
    let space = if union.starts_with('\n') { "" } else { " " };
    format!("{}{declaration}{space}{union};\n", documentation(contract))
}

fn documented(doc: &str, code: Code) -> Code {
    if doc.is_empty() {
        code
    } else {
        Code::Commented(doc.to_owned(), Box::new(code))
    }
}

/// A key of an object, in quotes if it is no identifier.
pub(super) fn property(name: &str) -> String {
    let mut chars = name.chars();
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '$';
    let first = chars.next();
    if first.is_some_and(|first| is_word(first) && !first.is_ascii_digit()) && chars.all(is_word) {
        name.to_owned()
    } else {
        literal(name)
    }
}

fn value_type(shape: &Shape) -> Code {
    match shape {
        Shape::Text | Shape::Char | Shape::Decimal { .. } => Code::text("string"),
        Shape::Bool => Code::text("boolean"),
        Shape::Null => Code::text("null"),
        Shape::Any { .. } => Code::text("unknown"),
        Shape::Integer { min, max, .. } if is_rounded(*min, *max) => Code::text("bigint"),
        Shape::Integer { .. } | Shape::Number { .. } => Code::text("number"),
        Shape::Optional(inner) => Code::Row(vec![value_type(inner), Code::text(" | null")]),
        Shape::List(item) => {
            let is_union = matches!(**item, Shape::Optional(_) | Shape::Enum(_));
            let (before, after) = if is_union { ("(", ")[]") } else { ("", "[]") };
            Code::Row(vec![
                Code::text(before),
                value_type(item),
                Code::text(after),
            ])
        }
        Shape::Tuple(items) => Code::array(items.iter().map(value_type).collect(), true),
        Shape::Map(value) => Code::Row(vec![
            Code::text("Record<string, "),
            value_type(value),
            Code::text(">"),
        ]),
        Shape::Struct { keys, .. } => Code::members(
            keys.iter()
                .map(|key| {
                    let optional = if key.required { "" } else { "?" };
                    let name = property(key.name) + optional;
                    Code::entry(name, value_type(&key.shape))
                })
                .collect(),
        ),
        Shape::Enum(variants) => Code::Union(
            variants
                .iter()
                .map(|(name, content)| match content {
                    None => Code::text(literal(name)),
                    Some(content) => {
                        Code::members(vec![Code::entry(property(name), value_type(content))])
                    }
                })
                .collect(),
        ),
    }
}

fn validator(contract: &Contract) -> String {
    let (name, value) = (type_name(contract), value_name(contract));
    let variants = contract.variants().map(|(variant, fields)| {
        let fields = fields.iter().map(|(field, shape)| {
            let function = if field.non_empty() {
                "nonEmpty"
            } else {
                "field"
            };
            Code::call(
                function,
                vec![Code::text(literal(field.wire())), table(shape)],
            )
        });
        let name = Code::text(literal(variant.wire()));
        Code::call("event", [name].into_iter().chain(fields).collect())
    });
    let shape = Code::object(
        vec![
            Code::entry("tag", Code::text(literal(contract.schema.tag()))),
            Code::entry("variants", Code::array(variants.collect(), true)),
        ],
        true,
    );
    let declaration = format!("const {value}Shape: EventShape = ");
    let shape = shape.render(0, declaration.len(), 1);
    let channels = contract
        .channels
        .iter()
        .map(|name| Code::text(literal(name)));
    let channels = Code::array(channels.collect(), true);
    let export = format!("export const {value}Channels = ");
    let channels = channels.render(0, export.len(), 1);
    let fingerprint = contract.fingerprint();
    let mut check = format!("export function check{name}(value: unknown): Verdict<{name}> {{");
    if check.len() > WIDTH {
        check = format!("export function check{name}(\n  value: unknown,\n): Verdict<{name}> {{");
    }
    format!(
        "{declaration}{shape};\n\n\
         export const {value}Fingerprint = \"{fingerprint}\";\n\
         {export}{channels};\n\n\
         /** The verdict of the decoder in Rust on a payload. */\n\
         export function decode{name}(\n  payload: string | Uint8Array,\n  \
         maxPayload: number = MAX_PAYLOAD,\n): Verdict<{name}> {{\n  \
         return decode({value}Shape, payload, maxPayload);\n}}\n\n\
         /** The verdict on what `JSON.parse` returned, as far as that shows it. */\n\
         {check}\n  \
         return check({value}Shape, value);\n}}\n"
    )
}

/// A shape as the runtime of the module takes it.
fn table(shape: &Shape) -> Code {
    let range = |min: &i128, max: &u128| vec![literal(&min.to_string()), literal(&max.to_string())];
    let texts = |all: Vec<String>| all.into_iter().map(Code::text).collect::<Vec<_>>();
    match shape {
        Shape::Text => Code::text("text"),
        Shape::Char => Code::text("char"),
        Shape::Bool => Code::text("bool"),
        Shape::Null => Code::text("nothing"),
        Shape::Any { ignored: false } => Code::text("any"),
        Shape::Any { ignored: true } => Code::text("ignored"),
        Shape::Number { narrow: false } => Code::text("number"),
        Shape::Number { narrow: true } => Code::text("narrow"),
        Shape::Integer {
            min,
            max,
            negative_zero,
        } => {
            let mut arguments = range(min, max);
            arguments.extend(negative_zero.then(|| "true".to_owned()));
            Code::call("integer", texts(arguments))
        }
        Shape::Decimal { min, max } => Code::call("decimal", texts(range(min, max))),
        Shape::Optional(inner) => Code::call("optional", vec![table(inner)]),
        Shape::List(item) => Code::call("list", vec![table(item)]),
        Shape::Map(value) => Code::call("map", vec![table(value)]),
        Shape::Tuple(items) => Code::call("tuple", items.iter().map(table).collect()),
        Shape::Struct { keys, closed } => {
            let keys = keys.iter().map(|key| {
                let function = if key.required { "key" } else { "maybe" };
                let name = Code::text(literal(key.name));
                Code::call(function, vec![name, table(&key.shape)])
            });
            Code::call(if *closed { "closed" } else { "open" }, keys.collect())
        }
        Shape::Enum(variants) => {
            let variants = variants.iter().map(|(name, content)| {
                let name = Code::text(literal(name));
                let content = content.as_ref().map(table);
                Code::call("variant", [name].into_iter().chain(content).collect())
            });
            Code::call("either", variants.collect())
        }
    }
}
