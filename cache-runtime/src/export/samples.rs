//! JSON that a shape accepts, and JSON that it rejects, at the edges.

use super::json;
use super::shape::{Key, MAX_SAFE, Shape};

/// A key or a variant that nothing has.
pub(super) const UNKNOWN: &str = "no such name";

/// JSON that a shape accepts: an ordinary value.
pub(super) fn sample(shape: &Shape) -> String {
    match shape {
        Shape::Text => r#""7""#.to_owned(),
        Shape::Char => r#""a""#.to_owned(),
        Shape::Bool => "true".to_owned(),
        Shape::Null => "null".to_owned(),
        Shape::Any { .. } => "{}".to_owned(),
        Shape::Integer { max, .. } => ordinary(*max),
        Shape::Decimal { max, .. } => json::quoted(&ordinary(*max)),
        Shape::Number { .. } => "1.5".to_owned(),
        Shape::Optional(inner) => sample(inner),
        Shape::List(item) => json::array([sample(item)]),
        Shape::Tuple(items) => json::array(items.iter().map(sample)),
        Shape::Map(value) => json::object([("a", sample(value))]),
        Shape::Struct { keys, .. } => json::object(samples(keys)),
        // The first variant. One without any was not explored.
        Shape::Enum(variants) => variants.iter().take(1).map(variant).collect(),
    }
}

fn samples(keys: &[Key]) -> impl Iterator<Item = (&'static str, String)> + Clone {
    keys.iter().map(|key| (key.name, sample(&key.shape)))
}

fn variant((name, content): &(&str, Option<Shape>)) -> String {
    match content {
        None => json::quoted(name),
        Some(content) => json::object([(*name, sample(content))]),
    }
}

/// JSON that a shape accepts: an ordinary value first, then the edges.
pub(super) fn valid(shape: &Shape) -> Vec<String> {
    let mut all = vec![sample(shape)];
    all.extend(edges(shape));
    all
}

/// JSON that a shape accepts, at its edges.
fn edges(shape: &Shape) -> Vec<String> {
    match shape {
        Shape::Text => texts(&[
            r#""""#,
            r#"" ""#,
            r#""\u0000\ud83d\uDE00\/\"""#,
            "\"é😀\u{2028}\u{7f}\"",
            r#""null""#,
        ]),
        Shape::Char => texts(&["\"😀\"", r#""\ud83d\ude00""#, r#""\n""#]),
        Shape::Bool => texts(&["false"]),
        Shape::Null => Vec::new(),
        Shape::Any { .. } => texts(&["[]", "\"\"", "0", "-0.5E+3", "true", "[null]"]),
        Shape::Integer {
            min,
            max,
            negative_zero,
        } => {
            let mut all = integers(*min, *max);
            all.extend(negative_zero.then(|| "-0".to_owned()));
            all
        }
        Shape::Decimal { min, max } => {
            let all = integers(*min, *max).into_iter();
            all.map(|digits| json::quoted(&digits)).collect()
        }
        Shape::Number { narrow } => {
            let mut all = texts(&[
                "0",
                "-0",
                "-0.0",
                "1E2",
                "1e-7",
                "1e-999",
                "9007199254740993",
                "3.4028235e38",
            ]);
            if !narrow {
                all.extend(texts(&["1e39", "1.7976931348623157e308"]));
            }
            all
        }
        Shape::Optional(inner) => {
            let mut all = edges(inner);
            all.push("null".to_owned());
            all
        }
        Shape::List(item) => {
            let mut all = texts(&["[]", "[ ]"]);
            all.push(json::array(valid(item)));
            all
        }
        Shape::Tuple(items) => in_turn(items, edges, json::array),
        Shape::Map(value) => {
            let mut all = texts(&["{}"]);
            for value in valid(value) {
                all.push(json::object([("", value.clone()), ("__proto__", value)]));
            }
            all
        }
        Shape::Struct { keys, closed } => {
            let shapes: Vec<_> = keys.iter().map(|key| key.shape.clone()).collect();
            let names = || keys.iter().map(|key| key.name);
            let mut all = in_turn(&shapes, edges, |values| json::object(names().zip(values)));
            for left_out in keys.iter().filter(|key| !key.required) {
                let others = samples(keys).filter(|(name, _)| *name != left_out.name);
                all.push(json::object(others));
            }
            if !closed {
                let ignored = r#"[{"a":1e999},-0,null]"#.to_owned();
                let further = [(UNKNOWN, ignored)];
                all.push(json::object(further.into_iter().chain(samples(keys))));
            }
            all
        }
        Shape::Enum(variants) => {
            let mut all: Vec<_> = variants.iter().skip(1).map(variant).collect();
            for (name, content) in variants {
                let contents = content.as_ref().map_or_else(|| texts(&["null"]), edges);
                let of_variant = |content| json::object([(*name, content)]);
                all.extend(contents.into_iter().map(of_variant));
            }
            all
        }
    }
}

/// JSON that a shape rejects.
pub(super) fn invalid(shape: &Shape) -> Vec<String> {
    match shape {
        Shape::Text => texts(&["7", "true", "null", "[\"7\"]", "{}"]),
        Shape::Char => texts(&["\"\"", "\"ab\"", "7", "null"]),
        Shape::Bool => texts(&["0", "\"true\"", "null", "[]"]),
        Shape::Null => texts(&["0", "false", "\"\"", "[]"]),
        Shape::Any { ignored: true } => Vec::new(),
        Shape::Any { ignored: false } => texts(&["1e999", "[-1e999]"]),
        Shape::Integer {
            min,
            max,
            negative_zero,
        } => {
            let mut all = texts(&["1.0", "1e2", "\"1\"", "true", "null", "[]"]);
            all.extend([below(*min), above(*max)]);
            all.extend((!negative_zero).then(|| "-0".to_owned()));
            all
        }
        Shape::Decimal { min, max } => {
            let mut all = texts(&[
                "7", "null", "\"\"", "\"-\"", "\"+7\"", "\"07\"", "\"-0\"", "\" 7\"", "\"7.0\"",
                "\"7e1\"", "\"٧\"",
            ]);
            all.extend([below(*min), above(*max)].map(|digits| format!("\"{digits}\"")));
            all
        }
        Shape::Number { narrow } => {
            let mut all = texts(&["1e999", "-1e999", "\"1.5\"", "true", "null", "[]"]);
            if *narrow {
                all.extend(texts(&["1e39", "340282356779733661637539395458142568448"]));
            }
            all
        }
        Shape::Optional(inner) => {
            let all = invalid(inner).into_iter();
            all.filter(|json| json != "null").collect()
        }
        Shape::List(item) => {
            let mut all = texts(&["7", "\"\"", "null", "{}"]);
            let good = sample(item);
            for bad in invalid(item) {
                all.push(json::array([&good, &bad]));
            }
            all
        }
        Shape::Tuple(items) => {
            let good: Vec<_> = items.iter().map(sample).collect();
            let mut all = texts(&["7", "null", "{}", "[]"]);
            all.push(json::array(good.iter().chain(["null".to_owned()].iter())));
            all.extend(in_turn(items, invalid, json::array));
            all
        }
        Shape::Map(value) => {
            let mut all = texts(&["7", "null", "[]"]);
            let bad = invalid(value).into_iter();
            all.extend(bad.map(|bad| json::object([("a", bad)])));
            all
        }
        Shape::Struct { keys, closed } => invalid_structs(keys, *closed),
        Shape::Enum(variants) => invalid_variants(variants),
    }
}

fn invalid_structs(keys: &[Key], closed: bool) -> Vec<String> {
    let mut all = texts(&["7", "\"\"", "null", "true"]);
    let samples: Vec<_> = samples(keys).collect();
    all.push(json::array(samples.iter().map(|(_, value)| value)));
    for (index, key) in keys.iter().enumerate() {
        if key.required {
            let mut others = samples.clone();
            others.remove(index);
            all.push(json::object(others));
        }
        for bad in invalid(&key.shape) {
            let mut values = samples.clone();
            values[index].1 = bad;
            all.push(json::object(values));
        }
    }
    if closed {
        let further = [(UNKNOWN, "null".to_owned())];
        all.push(json::object(samples.iter().cloned().chain(further)));
    }
    if let Some(first) = samples.first() {
        let twice = samples.iter().cloned().chain([first.clone()]);
        all.push(json::object(twice));
    }
    all
}

fn invalid_variants(variants: &[(&str, Option<Shape>)]) -> Vec<String> {
    let mut all = texts(&["7", "null", "{}", "[]"]);
    all.push(json::quoted(UNKNOWN));
    all.push(json::object([(UNKNOWN, "null".to_owned())]));
    for (name, content) in variants {
        match content {
            None => all.push(json::object([(*name, "0".to_owned())])),
            Some(content) => {
                all.push(json::quoted(name));
                let bad = invalid(content).into_iter();
                all.extend(bad.map(|bad| json::object([(*name, bad)])));
            }
        }
        let content = content.as_ref().map_or_else(|| "null".to_owned(), sample);
        let further = [(*name, content), (UNKNOWN, "null".to_owned())];
        all.push(json::object(further));
    }
    all
}

/// Of each shape, these values, each with ordinary values of the others.
fn in_turn(
    shapes: &[Shape],
    values: impl Fn(&Shape) -> Vec<String>,
    write: impl Fn(Vec<String>) -> String,
) -> Vec<String> {
    let ordinary: Vec<_> = shapes.iter().map(sample).collect();
    let mut all = Vec::new();
    for (index, shape) in shapes.iter().enumerate() {
        for value in values(shape) {
            let mut values = ordinary.clone();
            values[index] = value;
            all.push(write(values));
        }
    }
    all
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn ordinary(max: u128) -> String {
    max.min(7).to_string()
}

/// The ends of a range, and what JavaScript rounds; without the ordinary number.
fn integers(min: i128, max: u128) -> Vec<String> {
    let mut all = vec![min.to_string(), max.to_string(), "0".to_owned()];
    if max > MAX_SAFE {
        all.push((MAX_SAFE + 2).to_string());
    }
    if min < 0 && min.unsigned_abs() > MAX_SAFE {
        all.push(format!("-{}", MAX_SAFE + 2));
    }
    let mut seen = vec![ordinary(max)];
    all.retain(|number| {
        let is_new = !seen.contains(number);
        seen.push(number.clone());
        is_new
    });
    all
}

fn below(min: i128) -> String {
    match min.checked_sub(1) {
        Some(below) => below.to_string(),
        None => "-170141183460469231731687303715884105729".to_owned(),
    }
}

fn above(max: u128) -> String {
    match max.checked_add(1) {
        Some(above) => above.to_string(),
        None => "340282366920938463463374607431768211456".to_owned(),
    }
}
