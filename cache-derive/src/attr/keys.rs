//! Which key belongs where.

use proc_macro2::Ident;

use crate::ctxt::Ctxt;
use crate::suggest::nearest;

const ENUM: &[&str] = &["tag", "rename_all", "rename_all_fields", "crate"];
const VARIANT: &[&str] = &["rename", "all", "method"];
const FIELD: &[&str] = &["rename", "non_empty"];
const SERVICE: &[&str] = &[
    "channel",
    "event",
    "crate",
    "constructor",
    "log_subscription",
    "log_events",
    "log_publish",
];

/// What an attribute was written on.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// The event enum.
    Enum,
    /// A variant of the enum of this name.
    Variant(&'a Ident),
    /// A field in a variant of the enum of this name.
    Field(&'a Ident),
    /// The service struct.
    Service,
}

impl Place<'_> {
    pub(super) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Enum => ENUM,
            Self::Variant(_) => VARIANT,
            Self::Field(_) => FIELD,
            Self::Service => SERVICE,
        }
    }

    /// Every key, for a message.
    pub(super) fn list(self) -> String {
        list(self.keys().iter().copied())
    }

    /// The key that a bare string was probably meant for.
    pub(super) const fn first_key(self) -> &'static str {
        self.keys()[0]
    }

    /// A value that `key` may have; none for a flag.
    pub(super) fn example_value(self, key: &str) -> Option<&'static str> {
        Some(match key {
            "all" | "non_empty" => return None,
            "channel" => "\"cache:users\"",
            "event" => "UserEvent",
            "crate" => "::cache_runtime",
            "constructor" => "\"connect\"",
            "log_subscription" | "log_events" | "log_publish" => "false",
            "tag" => "\"type\"",
            "rename_all" | "rename_all_fields" => "\"camelCase\"",
            "method" => "\"evict_user\"",
            _ if matches!(self, Self::Field(_)) => "\"userId\"",
            _ => "\"user\"",
        })
    }

    /// How `key` is written.
    pub(super) fn example(self, key: &Ident) -> String {
        match self.example_value(&key.to_string()) {
            Some(value) => format!("{key} = {value}"),
            None => key.to_string(),
        }
    }

    /// Reports a key that is unknown, or that belongs elsewhere.
    pub(super) fn accepts(self, cx: &Ctxt, key: &Ident) -> bool {
        let name = key.to_string();
        let keys = self.keys();
        if keys.contains(&name.as_str()) {
            return true;
        }
        if let Some((owner, help)) = self.owner(&name) {
            cx.error(key, format_args!("`{name}` belongs on {owner}"), help);
            return false;
        }
        let expected = format!("expected one of: {}", self.list());
        let help = match nearest(&name, keys.iter().copied()) {
            Some(key) => format!("did you mean `{key}`? {expected}"),
            None => expected,
        };
        cx.error(key, format_args!("unknown key `{name}`"), help);
        false
    }

    /// Where a key that does not belong here belongs, and what to do about it.
    fn owner(self, key: &str) -> Option<(&'static str, String)> {
        let on_enum = ENUM.contains(&key);
        let on_variant = VARIANT.contains(&key);
        let on_field = FIELD.contains(&key);
        let (owner, help) = match self {
            Self::Service if on_enum || on_variant || on_field => (
                "the event",
                "move it to `#[invalidation(..)]` in the event's enum".to_owned(),
            ),
            Self::Enum | Self::Variant(_) | Self::Field(_)
                if SERVICE.contains(&key) && !on_enum =>
            {
                (
                    "the service",
                    "move it to `#[cache_invalidation(..)]` on the struct".to_owned(),
                )
            }
            Self::Variant(name) | Self::Field(name) if on_enum => {
                ("the enum", format!("move it above `enum {name}`"))
            }
            Self::Enum if on_variant && on_field => (
                "a variant or a field",
                "move it above the one that it concerns".to_owned(),
            ),
            Self::Enum | Self::Field(_) if on_variant => (
                "a variant",
                "move it above the variant that it concerns".to_owned(),
            ),
            Self::Enum | Self::Variant(_) if on_field => (
                "a field",
                "move it above the field that it concerns".to_owned(),
            ),
            _ => return None,
        };
        Some((owner, help))
    }
}

/// `` `a`, `b` ``
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
