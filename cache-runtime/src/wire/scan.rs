//! Finds the variant of a payload and the values of its fields.

use super::diagnose::diagnose;
use super::lexer::{Defect, Keys, Lexer};
use super::member::Member;
use super::rejection::Rejection;
use super::schema::{EventSchema, FieldSchema, VariantSchema};
use super::text::equal;

/// Finds the variant of a payload, and puts the values of its fields into `members`, in the order
/// of the schema.
///
/// Returns the index of the variant. `members` has room for the fields of every variant, and holds
/// [`Member::EMPTY`] before.
///
/// # Errors
///
/// When the payload is too long, is not JSON, or does not have exactly the keys of one variant.
/// Also when a value is empty where the schema forbids it. [`field`](super::field()) checks the
/// types of the values.
pub fn scan<'a>(
    schema: &'static EventSchema,
    payload: &'a [u8],
    max_payload: usize,
    members: &mut [Member<'a>],
) -> Result<usize, Rejection> {
    if payload.len() > max_payload {
        return Err(Rejection::too_large(payload.len(), max_payload));
    }
    let text = match str::from_utf8(payload) {
        Ok(text) => text,
        Err(error) => return Err(Rejection::not_utf8(error)),
    };
    compact(schema, text, members)
        .or_else(|| any_spelling(schema, text, members))
        .map_or_else(|| diagnose(schema, text, members), Ok)
}

/// Reads keys without escapes, without white space between them, with the tag first or last. Most
/// JSON writers spell an event so, whatever the order of its fields.
#[inline]
fn compact<'a>(
    schema: &'static EventSchema,
    text: &'a str,
    members: &mut [Member<'a>],
) -> Option<usize> {
    let variants = schema.variants();
    let tagged = tag_first(variants, text);
    let mut first = tagged.is_none();
    let (index, rest) = tagged.or_else(|| tag_last(variants, text))?;
    let fields = variants[index].fields();
    let mut lexer = Lexer::new(rest, Keys::Unique);
    for next in 0..fields.len() {
        // A lead begins with a comma, which the first member of an object does not have.
        let skip = usize::from(first);
        let lead = |field: &'static FieldSchema| &field.lead()[skip..];
        let place = if lexer.literal(lead(&fields[next])) {
            next
        } else {
            fields.iter().position(|field| lexer.literal(lead(field)))?
        };
        first = false;
        let member = members.get_mut(place)?;
        if member.is_present() {
            return None;
        }
        if next + 1 == fields.len()
            && let Some(value) = lexer.last_string()
        {
            member.value = value;
            return (!value.is_wrongly_empty(&fields[place])).then_some(index);
        }
        member.value = lexer.value(2).ok()?;
        if member.value.is_wrongly_empty(&fields[place]) {
            return None;
        }
    }
    lexer.at_end().then_some(index)
}

/// From `{"type":"channel","channelId":"123"}`: the variant, and `,"channelId":"123"`.
#[inline]
fn tag_first<'a>(variants: &'static [VariantSchema], text: &'a str) -> Option<(usize, &'a str)> {
    let text = text.strip_suffix('}')?;
    let index = variants.iter().position(|variant| {
        let start = text.as_bytes().get(..variant.head().len());
        start.is_some_and(|start| equal(start, variant.head().as_bytes()))
    })?;
    Some((index, &text[variants[index].head().len()..]))
}

/// From `{"channelId":"123","type":"channel"}`: the variant, and `"channelId":"123"`.
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
    let rest = &text[..text.len() - tag(&variants[index]).len()];
    Some((index, rest.strip_suffix(',')?))
}

/// Reads keys in any order, each spelled in any way. It allocates nothing.
#[inline(never)]
fn any_spelling<'a>(
    schema: &EventSchema,
    text: &'a str,
    members: &mut [Member<'a>],
) -> Option<usize> {
    let mut lexer = Lexer::new(text, Keys::Unique);
    let mut variant = None;
    let mut used = 0;
    // Any defect will do: `diagnose` finds out what is wrong.
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
                // There are more keys than any variant has fields.
                let member = members.get_mut(used).ok_or(wrong)?;
                member.key = key;
                member.value = lexer.value(2)?;
                used += 1;
            }
            Ok(())
        })
        .ok()?;
    lexer.end().ok()?;

    let fields = schema.variants().get(variant?)?.fields();
    // There are as many keys as fields, and every field is among them. So none is missing, extra or
    // a duplicate.
    if used != fields.len() {
        return None;
    }
    for (index, field) in fields.iter().enumerate() {
        let found = members[index..used]
            .iter()
            .position(|member| member.key.is(field.wire()))?;
        if found != 0 {
            members.swap(index, index + found);
        }
        if members[index].value.is_wrongly_empty(field) {
            return None;
        }
    }
    variant
}
