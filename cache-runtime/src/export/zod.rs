//! Schemas of Zod.

use std::fmt::Write as _;

use super::contract::Contract;
use super::layout::{Code, literal};
use super::names::{type_name, value_name};
use super::shape::{Shape, is_rounded};
use super::typescript::{documentation, property};

const HELPERS: &str = r#"const character = z
  .string()
  .refine((text) => [...text].length === 1, "expected a character");
const decimal = (min: string, max: string) =>
  z
    .string()
    .refine(
      (text) =>
        /^(?:0|-?[1-9][0-9]{0,39})$/.test(text) &&
        BigInt(text) >= BigInt(min) &&
        BigInt(text) <= BigInt(max),
      `expected digits of ${min} to ${max}`,
    );
const anything = z
  .unknown()
  .refine((value) => value !== undefined && value !== null, "expected a value");
const narrow = z
  .number()
  .gt(-3.4028235677973366e38)
  .lt(3.4028235677973366e38);
const nonEmptyArray = <T extends z.ZodType>(item: T) => z.array(item).min(1);
const nonEmptyObject = <T extends z.ZodType<object | string>>(schema: T) =>
  schema.refine(
    (value) => typeof value === "string" || Object.keys(value).length > 0,
  );
void [character, decimal, anything, narrow, nonEmptyArray, nonEmptyObject];
"#;

/// A module of TypeScript with a schema of Zod 4 for each event type, for values of `JSON.parse`.
///
/// What such schemas cannot see is listed in the [module](super). Integers of more than 53 bits
/// are accepted up to 2^53 only, because `JSON.parse` rounds larger ones.
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
/// let module = export::zod(&[Contract::of::<UserEvent>()?]);
/// assert!(module.contains(r#"z.strictObject({ type: z.literal("all") })"#));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn zod(contracts: &[Contract]) -> String {
    let mut out = String::from(
        "// Written by `cache_runtime::export::zod`. Do not edit it.\n\nimport { z } from \"zod\";\n\n",
    );
    out.push_str(HELPERS);
    for contract in contracts {
        let tag = member(contract.schema.tag());
        let variants = contract.variants().map(|(variant, fields)| {
            let name = Code::text(format!("z.literal({})", literal(variant.wire())));
            let name = Code::entry(tag.clone(), name);
            let fields = fields.iter().map(|(field, shape)| {
                let code = schema(shape, true, field.non_empty());
                Code::entry(member(field.wire()), code)
            });
            let members = [name].into_iter().chain(fields).collect();
            Code::call("z.strictObject", vec![Code::object(members, true)])
        });
        let (name, value) = (type_name(contract), value_name(contract));
        let code = Code::call(
            "z.discriminatedUnion",
            vec![
                Code::text(literal(contract.schema.tag())),
                Code::array(variants.collect(), true),
            ],
        );
        let declaration = format!("export const {value} = ");
        let code = code.render(0, declaration.len(), 1);
        let documentation = documentation(contract);
        let _ = write!(
            out,
            "\n{documentation}{declaration}{code};\n\n\
             export type {name} = z.infer<typeof {value}>;\n"
        );
    }
    out
}

fn schema(shape: &Shape, is_field: bool, non_empty: bool) -> Code {
    let with = |code: Code, suffix: &str| Code::Row(vec![code, Code::text(suffix)]);
    match shape {
        Shape::Text if non_empty => Code::text("z.string().min(1)"),
        Shape::Text => Code::text("z.string()"),
        Shape::Char => Code::text("character"),
        Shape::Bool => Code::text("z.boolean()"),
        Shape::Null => Code::text("z.null()"),
        Shape::Any { .. } if is_field => Code::text("anything"),
        Shape::Any { .. } => Code::text("z.unknown()"),
        Shape::Number { narrow: false } => Code::text("z.number()"),
        Shape::Number { narrow: true } => Code::text("narrow"),
        Shape::Integer { min, max, .. } => {
            let mut text = String::from("z.number().int()");
            if !is_rounded(*min, 0) {
                let _ = write!(text, ".min({min})");
            }
            if !is_rounded(0, *max) {
                let _ = write!(text, ".max({max})");
            }
            Code::text(text)
        }
        Shape::Decimal { min, max } => {
            let range = [literal(&min.to_string()), literal(&max.to_string())];
            Code::call("decimal", range.map(Code::text).to_vec())
        }
        Shape::Optional(inner) => Code::call("z.nullable", vec![schema(inner, false, false)]),
        Shape::List(item) => {
            let function = if non_empty {
                "nonEmptyArray"
            } else {
                "z.array"
            };
            Code::call(function, vec![schema(item, false, false)])
        }
        Shape::Tuple(items) => {
            let items = items.iter().map(|item| schema(item, false, false));
            Code::call("z.tuple", vec![Code::array(items.collect(), true)])
        }
        Shape::Map(value) => {
            let code = vec![Code::text("z.string()"), schema(value, false, false)];
            refined(Code::call("z.record", code), non_empty)
        }
        Shape::Struct { keys, closed } => {
            let keys = keys.iter().map(|key| {
                let code = schema(&key.shape, false, false);
                let code = if key.required {
                    code
                } else {
                    with(code, ".optional()")
                };
                Code::entry(member(key.name), code)
            });
            let function = if *closed {
                "z.strictObject"
            } else {
                "z.object"
            };
            let code = Code::call(function, vec![Code::object(keys.collect(), true)]);
            refined(code, non_empty)
        }
        Shape::Enum(variants) => {
            let mut all = Vec::new();
            for (name, content) in variants {
                if content.is_none() {
                    all.push(Code::text(format!("z.literal({})", literal(name))));
                }
                let content = content.as_ref().unwrap_or(&Shape::Null);
                let members = vec![Code::entry(member(name), schema(content, false, false))];
                all.push(Code::call(
                    "z.strictObject",
                    vec![Code::object(members, true)],
                ));
            }
            let code = Code::call("z.union", vec![Code::array(all, true)]);
            refined(code, non_empty)
        }
    }
}

/// An object that must not be empty.
fn refined(code: Code, non_empty: bool) -> Code {
    if non_empty {
        Code::call("nonEmptyObject", vec![code])
    } else {
        code
    }
}

/// A key of an object. `__proto__` would set the prototype otherwise.
fn member(name: &str) -> String {
    if name == "__proto__" {
        format!("[{}]", literal(name))
    } else {
        property(name)
    }
}
