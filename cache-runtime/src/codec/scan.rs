//! From a payload to the values of one variant.

use super::diagnose::diagnose;
use super::lex::{Defect, Keys, Lexer};
use super::rejection::Rejection;
use super::slot::{Slot, Value};
use super::text::equal;
use crate::event::{EventSchema, FieldSchema, VariantSchema};

/// Finds the variant of a payload and puts the values of its fields into `slots`, in the order of
/// the schema. `slots` has room for the fields of any one variant.
///
/// # Errors
///
/// When the payload is not exactly the keys of one variant, each with a JSON value.
pub fn scan<'a>(
    schema: &'static EventSchema,
    payload: &'a [u8],
    max_payload: usize,
    slots: &mut [Slot<'a>],
) -> Result<usize, Rejection> {
    if payload.len() > max_payload {
        return Err(Rejection::too_large(payload.len(), max_payload));
    }
    let text = match str::from_utf8(payload) {
        Ok(text) => text,
        Err(error) => return Err(Rejection::not_utf8(error)),
    };
    compact(schema, text, slots)
        .or_else(|| any_spelling(schema, text, slots))
        .map_or_else(|| diagnose(schema, text, slots), Ok)
}

/// Keys without escapes, no white space between them, the tag first or last: what most JSON writers
/// make of an event, whatever the order of its fields.
#[inline]
fn compact<'a>(
    schema: &'static EventSchema,
    text: &'a str,
    slots: &mut [Slot<'a>],
) -> Option<usize> {
    let variants = schema.variants();
    let tagged = tag_first(variants, text);
    let mut first = tagged.is_none();
    let (index, members) = tagged.or_else(|| tag_last(variants, text))?;
    let fields = variants[index].fields();
    let mut lexer = Lexer::new(members, Keys::Unique);
    for next in 0..fields.len() {
        // A lead begins with the comma that the first of all members does not have.
        let skip = usize::from(first);
        let lead = |field: &'static FieldSchema| &field.lead()[skip..];
        let place = if lexer.literal(lead(&fields[next])) {
            next
        } else {
            fields.iter().position(|field| lexer.literal(lead(field)))?
        };
        first = false;
        let slot = slots.get_mut(place)?;
        if slot.is_taken() {
            return None;
        }
        if next + 1 == fields.len()
            && let Some(value) = lexer.last_string()
        {
            slot.value = value;
            return (!is_empty(&fields[place], &value)).then_some(index);
        }
        slot.value = lexer.value(2).ok()?;
        if is_empty(&fields[place], &slot.value) {
            return None;
        }
    }
    lexer.at_end().then_some(index)
}

/// The variant of `{"type":"channel","channelId":"123"}` and `,"channelId":"123"`.
#[inline]
fn tag_first<'a>(variants: &'static [VariantSchema], text: &'a str) -> Option<(usize, &'a str)> {
    let text = text.strip_suffix('}')?;
    let index = variants.iter().position(|variant| {
        let start = text.as_bytes().get(..variant.head().len());
        start.is_some_and(|start| equal(start, variant.head().as_bytes()))
    })?;
    Some((index, &text[variants[index].head().len()..]))
}

/// The variant of `{"channelId":"123","type":"channel"}` and `"channelId":"123"`.
#[inline]
fn tag_last<'a>(variants: &'static [VariantSchema], text: &'a str) -> Option<(usize, &'a str)> {
    let text = text.strip_prefix('{')?.strip_suffix('}')?;
    let tag = |variant: &'static VariantSchema| &variant.head().as_bytes()[1..];
    let index = variants.iter().position(|variant| {
        let start = text.len().checked_sub(tag(variant).len());
        let end = start.and_then(|start| text.as_bytes().get(start..));
        end.is_some_and(|end| equal(end, tag(variant)))
    })?;
    if variants[index].fields().is_empty() {
        return None;
    }
    let members = &text[..text.len() - tag(&variants[index]).len()];
    Some((index, members.strip_suffix(',')?))
}

/// Keys in any order, each spelled in any way. Allocates nothing.
#[inline(never)]
fn any_spelling<'a>(schema: &EventSchema, text: &'a str, slots: &mut [Slot<'a>]) -> Option<usize> {
    let mut lexer = Lexer::new(text, Keys::Unique);
    let mut variant = None;
    let mut used = 0;
    // What is wrong does not matter here.
    let wrong = Defect::Depth { at: 0 };
    lexer.space();
    lexer
        .members(|lexer, key, _| {
            if key.is(schema.tag()) && variant.is_none() {
                let tag = lexer.string("a string")?;
                let index = schema
                    .variants()
                    .iter()
                    .position(|variant| tag.is(variant.wire()));
                variant = Some(index.ok_or(wrong)?);
            } else {
                // More keys than any variant has fields are too many.
                let slot = slots.get_mut(used).ok_or(wrong)?;
                slot.key = key;
                slot.value = lexer.value(2)?;
                used += 1;
            }
            Ok(())
        })
        .ok()?;
    lexer.end().ok()?;

    let fields = schema.variants().get(variant?)?.fields();
    // As many keys as fields, and every field among them: none is missing, extra or a duplicate.
    if used != fields.len() {
        return None;
    }
    for (index, field) in fields.iter().enumerate() {
        let found = slots[index..used]
            .iter()
            .position(|slot| slot.key.is(field.wire()))?;
        if found != 0 {
            slots.swap(index, index + found);
        }
        if is_empty(field, &slots[index].value) {
            return None;
        }
    }
    variant
}

/// Whether the value is empty where that is not allowed.
#[inline]
pub(super) fn is_empty(field: &FieldSchema, value: &Value<'_>) -> bool {
    field.non_empty() && value.is_empty()
}
