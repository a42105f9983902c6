//! The documentation of generated items, and the literal parts of the canonical payload.

use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use crate::ast::{Event, Variant};
use crate::json::quoted;
use crate::types;

/// The text for a method: what it publishes, in words and in JSON.
pub(super) fn method(event: &Event<'_>, variant: &Variant<'_>) -> String {
    let mut text = format!(
        "Publishes `{}::{}`: `{}`.\n\n",
        event.input.ident.unraw(),
        variant.node.ident.unraw(),
        payload(event, variant),
    );
    let own = own(&variant.node.attrs);
    if !own.is_empty() {
        text.push_str(&own);
        text.push_str("\n\n");
    }
    text.push_str(
        "The event is published when the returned future is awaited. This instance's inline \
         subscribers see the event first; handlers, here and on other instances, get it through \
         the bus.\n\n\
         # Errors\n\n\
         When the event cannot be encoded or is too large; when the server is away, refuses it or \
         does not answer in time; when the bus is closed; or when a cache in Redis could not \
         evict.\n\n\
         # Cancel safety\n\n\
         If the future is dropped before it is done, the event may or may not have left.",
    );
    text
}

/// The text for the trait that lists the methods on the page of every service.
pub(super) fn methods_trait(event: &Event<'_>) -> String {
    let name = event.input.ident.unraw();
    format!(
        "The methods that every service of [`{name}`] offers.\n\nA service dereferences to these \
         methods, so they need no import. This trait exists in documentation only."
    )
}

/// The canonical payload, with `…` for the values.
fn payload(event: &Event<'_>, variant: &Variant<'_>) -> String {
    let mut json = head(event, variant);
    for field in &variant.fields {
        json.push_str(&lead(&field.wire.text));
        let is_list = types::item(&field.node.ty).is_some();
        json.push_str(match field.as_string {
            Some(_) if is_list => "[\"…\"]",
            Some(_) => "\"…\"",
            None if types::is_string(&field.node.ty) => "\"…\"",
            None => "…",
        });
    }
    json.push('}');
    json
}

/// The payload up to the first field: `{"type":"channel"`.
pub(super) fn head(event: &Event<'_>, variant: &Variant<'_>) -> String {
    let tag = quoted(&event.tag.text);
    let wire = quoted(&variant.wire.text);
    format!("{{{tag}:{wire}")
}

/// The text before a field's value: `,"channelId":`.
pub(super) fn lead(wire: &str) -> String {
    format!(",{}:", quoted(wire))
}

/// The user's documentation of an item.
pub(super) fn own(attrs: &[Attribute]) -> String {
    let lines: Vec<_> = attrs.iter().filter_map(doc_line).collect();
    lines.join("\n").trim().to_owned()
}

fn doc_line(attr: &Attribute) -> Option<String> {
    match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(line),
                ..
            }) => Some(line.value()),
            _ => None,
        },
        _ => None,
    }
}
