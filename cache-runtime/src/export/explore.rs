//! Finds the shape of a field's type: what it asks for, and what it then accepts.

use super::shape::{Key, Shape};
use super::{json, samples};
use crate::wire::Typed;
use crate::wire::trace::{Ask, Step};

/// How deep types are followed: no payload may be deeper.
const DEEPEST: usize = 128;

/// The shape of a type, or why it has none that could be described.
pub(super) fn explore(typed: &Typed) -> Result<Shape, String> {
    let mut explorer = Explorer {
        typed,
        path: Vec::new(),
        within: Vec::new(),
    };
    let mut shape = explorer.shape()?;
    // The value of a field is never null, whatever its type says.
    while let Shape::Optional(inner) = shape {
        shape = *inner;
    }
    settle(&mut shape, &|json| (typed.reads)(json));
    Ok(shape)
}

struct Explorer<'t> {
    typed: &'t Typed,
    path: Vec<Step>,
    /// The structs and enums that contain the present place.
    within: Vec<&'static str>,
}

impl Explorer<'_> {
    fn shape(&mut self) -> Result<Shape, String> {
        let ask = (self.typed.ask)(&self.path);
        let ask = ask.ok_or("it reads JSON in a way of its own")?;
        Ok(match ask {
            Ask::Text => match self.typed.as_string {
                Some(range) => decimal(&range()),
                None => Shape::Text,
            },
            Ask::Char => Shape::Char,
            Ask::Bool => Shape::Bool,
            Ask::Null | Ask::Unit => Shape::Null,
            Ask::Integer { min, max } => Shape::Integer {
                min,
                max,
                // serde_json reads `-0` as a float, except for this type.
                negative_zero: min == i128::MIN && !self.is_native(),
            },
            Ask::Float { narrow } => Shape::Number { narrow },
            Ask::Any { ignored } => Shape::Any { ignored },
            Ask::Option => Shape::Optional(Box::new(self.at(Step::Some)?)),
            Ask::List => Shape::List(Box::new(self.at(Step::Item)?)),
            Ask::Map => Shape::Map(Box::new(self.at(Step::Value)?)),
            Ask::Tuple(len) => {
                let mut items = Vec::new();
                for _ in 0..len {
                    let before = items.iter().map(samples::sample).collect();
                    items.push(self.at(Step::Element(before))?);
                }
                Shape::Tuple(items)
            }
            Ask::Struct(name, fields) => {
                self.enter(name)?;
                let mut keys = Vec::new();
                for name in fields {
                    let shape = self.at(Step::Field(name))?;
                    keys.push(Key {
                        name,
                        shape,
                        required: true,
                    });
                }
                self.within.pop();
                Shape::Struct {
                    keys,
                    closed: false,
                }
            }
            Ask::Enum(_, []) => return Err("no value of it exists".to_owned()),
            Ask::Enum(name, names) => {
                self.enter(name)?;
                let mut variants = Vec::new();
                for name in names {
                    variants.push((*name, self.variant(name)?));
                }
                self.within.pop();
                Shape::Enum(variants)
            }
            Ask::Other(why) => return Err(why.to_owned()),
        })
    }

    fn is_native(&self) -> bool {
        (self.typed.is_native)()
    }

    fn at(&mut self, step: Step) -> Result<Shape, String> {
        if self.path.len() >= DEEPEST {
            return Err("it contains itself".to_owned());
        }
        self.path.push(step);
        let shape = self.shape();
        self.path.pop();
        shape
    }

    /// What a variant contains.
    fn variant(&mut self, name: &'static str) -> Result<Option<Shape>, String> {
        self.path.push(Step::Variant(name));
        let is_unit = (self.typed.ask)(&self.path) == Some(Ask::Unit);
        let content = if is_unit {
            Ok(None)
        } else {
            self.shape().map(Some)
        };
        self.path.pop();
        content
    }

    fn enter(&mut self, name: &'static str) -> Result<(), String> {
        if self.within.contains(&name) {
            return Err("it contains itself".to_owned());
        }
        self.within.push(name);
        Ok(())
    }
}

fn decimal([min, max]: &[String; 2]) -> Shape {
    Shape::Decimal {
        min: min.parse().unwrap_or(i128::MIN),
        max: max.parse().unwrap_or(u128::MAX),
    }
}

/// Finds out which keys of structs are required, and whether there may be others. `accepts` says
/// whether JSON is accepted at the place of the shape.
fn settle(shape: &mut Shape, accepts: &dyn Fn(&str) -> bool) {
    match shape {
        Shape::Optional(inner) => settle(inner, accepts),
        Shape::List(item) => settle(item, &|json| accepts(&json::array([json]))),
        Shape::Map(value) => settle(value, &|json| {
            accepts(&json::object([("key", json.to_owned())]))
        }),
        Shape::Tuple(items) => {
            let all: Vec<_> = items.iter().map(samples::sample).collect();
            for (index, item) in items.iter_mut().enumerate() {
                settle(item, &|json| {
                    let mut all = all.clone();
                    json.clone_into(&mut all[index]);
                    accepts(&json::array(all))
                });
            }
        }
        Shape::Struct { keys, closed } => {
            let all: Vec<_> = keys
                .iter()
                .map(|key| (key.name, samples::sample(&key.shape)))
                .collect();
            let further = [(samples::UNKNOWN, "null".to_owned())];
            *closed = !accepts(&json::object(all.iter().cloned().chain(further)));
            for key in keys {
                let others = || all.iter().filter(|(name, _)| *name != key.name).cloned();
                key.required = !accepts(&json::object(others()));
                settle(&mut key.shape, &|json| {
                    let this = [(key.name, json.to_owned())];
                    accepts(&json::object(others().chain(this)))
                });
            }
        }
        Shape::Enum(variants) => {
            for (name, content) in variants {
                if let Some(content) = content {
                    settle(content, &|json| {
                        accepts(&json::object([(*name, json.to_owned())]))
                    });
                }
            }
        }
        _ => {}
    }
}
