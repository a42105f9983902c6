//! JSON Schema, draft 2020-12.

use super::contract::Contract;
use super::json::quoted;
use super::layout::Code;
use super::names::type_name;
use super::shape::Shape;

/// A JSON Schema, draft 2020-12, with a definition in `$defs` for each event type.
///
/// It says what a value of `JSON.parse` may be. What it cannot see is listed in the
/// [module](super).
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
/// let schema = export::json_schema(&[Contract::of::<UserEvent>()?]);
/// assert!(schema.contains(r#""discordId": { "type": "string" }"#));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn json_schema(contracts: &[Contract]) -> String {
    let definitions = contracts.iter().map(|contract| {
        let variants = contract.variants().map(|(variant, fields)| {
            let name = [("const", Code::text(quoted(variant.wire())))];
            let mut required = vec![contract.schema.tag()];
            let mut members = vec![(contract.schema.tag(), object(name))];
            for (field, shape) in fields {
                required.push(field.wire());
                let mut code = schema(shape, true, field.non_empty());
                describe(&mut code, field.doc());
                members.push((field.wire(), object(code)));
            }
            let mut code = struct_schema(members, &required, true);
            describe(&mut code, variant.doc());
            object(code)
        });
        let mut code = vec![("oneOf", Code::array(variants.collect(), false))];
        describe(&mut code, contract.schema.doc());
        let name = type_name(contract);
        let fingerprint = Code::text(quoted(&contract.fingerprint()));
        code.push(("x-fingerprint", fingerprint));
        if !contract.channels.is_empty() {
            let names = contract
                .channels
                .iter()
                .map(|name| Code::text(quoted(name)));
            code.push(("x-channels", Code::array(names.collect(), false)));
        }
        (name, object(code))
    });
    let definitions: Vec<_> = definitions.collect();
    let mut all = vec![(
        "$schema",
        Code::text(quoted("https://json-schema.org/draft/2020-12/schema")),
    )];
    if let [(name, _)] = &*definitions {
        all.push(("$ref", Code::text(quoted(&format!("#/$defs/{name}")))));
    }
    let definitions = definitions
        .iter()
        .map(|(name, code)| Code::entry(quoted(name), code.clone()));
    all.push(("$defs", Code::object(definitions.collect(), false)));
    object(all).render(0, 80, 0) + "\n"
}

type Members = Vec<(&'static str, Code)>;

fn object<'m>(members: impl IntoIterator<Item = (&'m str, Code)>) -> Code {
    let members = members.into_iter();
    let members = members.map(|(key, value)| Code::entry(quoted(key), value));
    Code::object(members.collect(), false)
}

fn describe(members: &mut Members, doc: &str) {
    if !doc.is_empty() {
        members.insert(0, ("description", Code::text(quoted(doc))));
    }
}

fn of_type(name: &str) -> Members {
    vec![("type", Code::text(quoted(name)))]
}

fn struct_schema(members: Vec<(&str, Code)>, required: &[&str], closed: bool) -> Members {
    let required = required.iter().map(|name| Code::text(quoted(name)));
    let mut code = of_type("object");
    code.push(("properties", object(members)));
    code.push(("required", Code::array(required.collect(), false)));
    if closed {
        code.push(("additionalProperties", Code::text("false")));
    }
    code
}

fn schema(shape: &Shape, is_field: bool, non_empty: bool) -> Members {
    let inner = |shape: &Shape| object(schema(shape, false, false));
    let least = |mut code: Members, key: &'static str| {
        if non_empty {
            code.push((key, Code::text("1")));
        }
        code
    };
    match shape {
        Shape::Text => least(of_type("string"), "minLength"),
        Shape::Char => {
            let mut code = of_type("string");
            code.push(("minLength", Code::text("1")));
            code.push(("maxLength", Code::text("1")));
            code
        }
        Shape::Bool => of_type("boolean"),
        Shape::Null => of_type("null"),
        Shape::Any { .. } if is_field => vec![("not", object(of_type("null")))],
        Shape::Any { .. } => Vec::new(),
        Shape::Number { narrow } => {
            let mut code = of_type("number");
            if *narrow {
                let limit = "3.4028235677973366e38";
                code.push(("exclusiveMinimum", Code::text(format!("-{limit}"))));
                code.push(("exclusiveMaximum", Code::text(limit)));
            }
            code
        }
        Shape::Integer { min, max, .. } => {
            let mut code = of_type("integer");
            code.push(("minimum", Code::text(min.to_string())));
            code.push(("maximum", Code::text(max.to_string())));
            code
        }
        Shape::Decimal { min, .. } => {
            let sign = if *min < 0 { "-?" } else { "" };
            let mut code = of_type("string");
            let pattern = format!("^(0|{sign}[1-9][0-9]*)$");
            code.push(("pattern", Code::text(quoted(&pattern))));
            code
        }
        Shape::Optional(some) => {
            let null = object(of_type("null"));
            vec![("anyOf", Code::array(vec![inner(some), null], false))]
        }
        Shape::List(item) => {
            let mut code = of_type("array");
            code.push(("items", inner(item)));
            least(code, "minItems")
        }
        Shape::Tuple(items) => {
            let mut code = of_type("array");
            let len = Code::text(items.len().to_string());
            let items = items.iter().map(inner);
            code.push(("prefixItems", Code::array(items.collect(), false)));
            code.push(("minItems", len.clone()));
            code.push(("maxItems", len));
            code
        }
        Shape::Map(value) => {
            let mut code = of_type("object");
            code.push(("additionalProperties", inner(value)));
            least(code, "minProperties")
        }
        Shape::Struct { keys, closed } => {
            let members = keys.iter().map(|key| (key.name, inner(&key.shape)));
            let required = keys.iter().filter(|key| key.required).map(|key| key.name);
            let required: Vec<_> = required.collect();
            let code = struct_schema(members.collect(), &required, *closed);
            least(code, "minProperties")
        }
        Shape::Enum(variants) => {
            let variants = variants.iter().flat_map(|(name, content)| {
                let unit = content
                    .is_none()
                    .then(|| object([("const", Code::text(quoted(name)))]));
                let content = inner(content.as_ref().unwrap_or(&Shape::Null));
                let member = struct_schema(vec![(name, content)], &[name], true);
                unit.into_iter().chain([object(member)])
            });
            vec![("anyOf", Code::array(variants.collect(), false))]
        }
    }
}
