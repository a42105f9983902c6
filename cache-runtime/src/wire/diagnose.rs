//! The thorough pass: one rule after the other, and the reason for a rejection.

use super::lexer::{Defect, Keys, Lexer};
use super::member::{Kind, Member, Text};
use super::rejection::Rejection;
use super::schema::{EventSchema, FieldSchema, VariantSchema};
use super::seen::Seen;
use super::text::{Quoted, list};

/// Decides about a payload that the quicker passes did not accept.
#[cold]
pub(super) fn diagnose<'a>(
    schema: &'static EventSchema,
    text: &'a str,
    out: &mut [Member<'a>],
) -> Result<usize, Rejection> {
    check_syntax(text)?;
    let members = members(schema, text)?;
    let index = find_variant(schema, &members)?;
    let variant = &schema.variants()[index];
    check_extra(schema, variant, &members)?;
    check_missing(schema, variant, &members)?;
    for (field, place) in variant.fields().iter().zip(out) {
        if let Some(member) = find(&members, field.wire()) {
            if member.value.is_wrongly_empty(field) {
                return Err(Rejection::empty_value(field.wire(), &member.value));
            }
            *place = *member;
        }
    }
    Ok(index)
}

fn check_syntax(text: &str) -> Result<(), Rejection> {
    let root = Lexer::new(text, Keys::Any).document();
    let root = root.map_err(|defect| reject(text, defect, None))?;
    if root.kind == Kind::Object {
        Ok(())
    } else {
        Err(Rejection::not_an_object(&root))
    }
}

/// How many keys a message shows.
const FEW: usize = 4;

/// The members of the root. Every key has to be unique, in nested objects too. Of those that no
/// variant has, only the first few are kept, so that many short keys take little memory.
fn members<'a>(schema: &EventSchema, text: &'a str) -> Result<Vec<Member<'a>>, Rejection> {
    let known = |key: &Text<'_>| {
        let mut fields = schema.variants().iter().flat_map(VariantSchema::fields);
        key.is(schema.tag()) || fields.any(|field| key.is(field.wire()))
    };
    let mut unknown = 0;
    let mut members = Vec::new();
    let mut seen = Seen::new();
    let mut within = None;
    let mut lexer = Lexer::new(text, Keys::Unique);
    lexer.space();
    let read = lexer.members(|lexer, key, at| {
        if !seen.insert(key) {
            return Err(Defect::Duplicate { at });
        }
        within = Some(key);
        let value = lexer.value(2)?;
        within = None;
        let is_unknown = !known(&key);
        unknown += usize::from(is_unknown);
        // One more than are shown, because that there are more is shown, too.
        if !is_unknown || unknown <= FEW + 1 {
            members.push(Member { key, value });
        }
        Ok(())
    });
    match read {
        Ok(()) => Ok(members),
        Err(defect) => Err(reject(text, defect, within)),
    }
}

/// `within` is the key whose value has the defect.
fn reject(text: &str, defect: Defect, within: Option<Text<'_>>) -> Rejection {
    match defect {
        Defect::Syntax { at, expected } => {
            let found = text.get(at..).unwrap_or_default().chars().next();
            Rejection::not_json(at, expected, found)
        }
        Defect::Depth { at } => Rejection::too_deep(at),
        Defect::Duplicate { at } => {
            let key = Lexer::new(&text[at..], Keys::Any).string("a key");
            let key = key.map(|key| key.to_string()).unwrap_or_default();
            let within = within.map(|key| key.to_string());
            Rejection::duplicate_key(&key, within.as_deref())
        }
    }
}

fn find_variant(schema: &'static EventSchema, members: &[Member<'_>]) -> Result<usize, Rejection> {
    let Some(tag) = find(members, schema.tag()) else {
        return Err(Rejection::missing_tag(schema, &found(members)));
    };
    let Some(name) = tag.value.string() else {
        return Err(Rejection::wrong_value(
            schema.tag(),
            "a string",
            &tag.value.describe(),
        ));
    };
    schema
        .variants()
        .iter()
        .position(|variant| variant.wire() == name)
        .ok_or_else(|| Rejection::unknown_event(schema, &name))
}

fn check_extra(
    schema: &'static EventSchema,
    variant: &'static VariantSchema,
    members: &[Member<'_>],
) -> Result<(), Rejection> {
    let known = |key: &Text<'_>| {
        key.is(schema.tag()) || variant.fields().iter().any(|field| key.is(field.wire()))
    };
    match members.iter().find(|member| !known(&member.key)) {
        Some(extra) => Err(Rejection::extra_key(
            schema,
            variant,
            &extra.key.to_string(),
        )),
        None => Ok(()),
    }
}

fn check_missing(
    schema: &'static EventSchema,
    variant: &'static VariantSchema,
    members: &[Member<'_>],
) -> Result<(), Rejection> {
    let wires = || variant.fields().iter().map(FieldSchema::wire);
    match wires().find(|wire| find(members, wire).is_none()) {
        Some(missing) => {
            let found = wires().filter(|wire| find(members, wire).is_some());
            let found = list(std::iter::once(schema.tag()).chain(found));
            Err(Rejection::missing_key(
                missing,
                variant,
                &format!("only {found}"),
            ))
        }
        None => Ok(()),
    }
}

fn find<'m, 'a>(members: &'m [Member<'a>], key: &str) -> Option<&'m Member<'a>> {
    members.iter().find(|member| member.key.is(key))
}

/// A few of the keys, for a message.
fn found(members: &[Member<'_>]) -> String {
    let keys: Vec<_> = members
        .iter()
        .take(FEW)
        .map(|member| Quoted(&member.key.to_string()).to_string())
        .collect();
    match keys.len() {
        0 => "no keys".to_owned(),
        _ => format!(
            "only {}{}",
            keys.join(", "),
            if members.len() > FEW { ", …" } else { "" }
        ),
    }
}
