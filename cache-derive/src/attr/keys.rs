//! The keys of each attribute, and the errors for a key that does not belong to it.

use proc_macro2::Ident;

use crate::ctxt::Ctxt;
use crate::suggest::nearest;

/// A key of `#[invalidation(..)]` on the event enum.
#[derive(Clone, Copy)]
pub(super) enum EnumKey {
    Tag,
    RenameAll,
    RenameAllFields,
    Crate,
}

/// A key of `#[invalidation(..)]` on a variant.
#[derive(Clone, Copy)]
pub(super) enum VariantKey {
    Rename,
    All,
    Method,
}

/// A key of `#[invalidation(..)]` on a field.
#[derive(Clone, Copy)]
pub(super) enum FieldKey {
    Rename,
    NonEmpty,
    AsString,
}

/// A key of `#[cache_invalidation(..)]`.
#[derive(Clone, Copy)]
pub(super) enum ServiceKey {
    Channel,
    Event,
    Crate,
    Constructor,
    OnRejected,
    LogSubscription,
    LogEvents,
    LogPublish,
}

/// A key with its name and an example of its value.
pub(super) struct Known<K> {
    pub(super) key: K,
    name: &'static str,
    /// Absent for a flag, which takes no value.
    example_value: Option<&'static str>,
}

const ENUM: &[Known<EnumKey>] = &[
    known(EnumKey::Tag, "tag", "\"type\""),
    known(EnumKey::RenameAll, "rename_all", "\"camelCase\""),
    known(
        EnumKey::RenameAllFields,
        "rename_all_fields",
        "\"camelCase\"",
    ),
    known(EnumKey::Crate, "crate", "::cache_runtime"),
];
const VARIANT: &[Known<VariantKey>] = &[
    known(VariantKey::Rename, "rename", "\"user\""),
    flag(VariantKey::All, "all"),
    known(VariantKey::Method, "method", "\"evict_user\""),
];
const FIELD: &[Known<FieldKey>] = &[
    known(FieldKey::Rename, "rename", "\"userId\""),
    flag(FieldKey::NonEmpty, "non_empty"),
    flag(FieldKey::AsString, "as_string"),
];
const SERVICE: &[Known<ServiceKey>] = &[
    known(ServiceKey::Channel, "channel", "\"cache:users\""),
    known(ServiceKey::Event, "event", "UserEvent"),
    known(ServiceKey::Crate, "crate", "::cache_runtime"),
    known(ServiceKey::Constructor, "constructor", "\"connect\""),
    known(ServiceKey::OnRejected, "on_rejected", "\"flush\""),
    known(ServiceKey::LogSubscription, "log_subscription", "false"),
    known(ServiceKey::LogEvents, "log_events", "false"),
    known(ServiceKey::LogPublish, "log_publish", "false"),
];

const fn known<K: Copy>(key: K, name: &'static str, example_value: &'static str) -> Known<K> {
    Known {
        key,
        name,
        example_value: Some(example_value),
    }
}

const fn flag<K: Copy>(key: K, name: &'static str) -> Known<K> {
    Known {
        key,
        name,
        example_value: None,
    }
}

fn has<K>(keys: &[Known<K>], name: &str) -> bool {
    keys.iter().any(|known| known.name == name)
}

impl<K> Known<K> {
    /// An example of the key's value; empty for a flag.
    pub(super) fn example_value(&self) -> &'static str {
        self.example_value.unwrap_or_default()
    }

    /// An example of the whole entry: `key = value`, or `key` for a flag.
    pub(super) fn example(&self) -> String {
        let name = self.name;
        match self.example_value {
            Some(value) => format!("{name} = {value}"),
            None => name.to_owned(),
        }
    }
}

/// What an attribute is written on, and the keys that the attribute may have there.
pub(super) struct Place<'a, K: 'static> {
    keys: &'static [Known<K>],
    on: On<'a>,
}

enum On<'a> {
    Enum,
    /// A variant of the enum of this name.
    Variant(&'a Ident),
    /// A field in a variant of the enum of this name.
    Field(&'a Ident),
    Service,
}

impl Place<'_, EnumKey> {
    pub(super) const ENUM: Self = Self {
        keys: ENUM,
        on: On::Enum,
    };
}

impl<'a> Place<'a, VariantKey> {
    /// A variant of `event`.
    pub(super) const fn variant(event: &'a Ident) -> Self {
        Self {
            keys: VARIANT,
            on: On::Variant(event),
        }
    }
}

impl<'a> Place<'a, FieldKey> {
    /// A field in a variant of `event`.
    pub(super) const fn field(event: &'a Ident) -> Self {
        Self {
            keys: FIELD,
            on: On::Field(event),
        }
    }
}

impl Place<'_, ServiceKey> {
    pub(super) const SERVICE: Self = Self {
        keys: SERVICE,
        on: On::Service,
    };
}

impl<K> Place<'_, K> {
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|known| known.name)
    }

    /// Every key, for a message.
    pub(super) fn list(&self) -> String {
        list(self.names())
    }

    /// The key that a bare string was probably meant for.
    pub(super) const fn first_key(&self) -> &'static str {
        self.keys[0].name
    }

    /// Looks up a key, and reports one that is unknown or belongs in another place.
    pub(super) fn find(&self, cx: &Ctxt, key: &Ident) -> Option<&'static Known<K>> {
        let name = key.to_string();
        let known = self.keys.iter().find(|known| known.name == name);
        if known.is_some() {
            return known;
        }
        if let Some((owner, help)) = self.on.owner(&name) {
            cx.error(key, format_args!("`{name}` belongs on {owner}"), help);
            return None;
        }
        let expected = format!("expected one of: {}", self.list());
        let help = match nearest(&name, self.names()) {
            Some(key) => format!("did you mean `{key}`? {expected}"),
            None => expected,
        };
        cx.error(key, format_args!("unknown key `{name}`"), help);
        None
    }
}

impl On<'_> {
    /// The place where `key` is valid, and how to correct the error. The caller has made sure that
    /// `key` is not valid here.
    fn owner(&self, key: &str) -> Option<(&'static str, String)> {
        let on_enum = has(ENUM, key);
        let on_variant = has(VARIANT, key);
        let on_field = has(FIELD, key);
        let (owner, help) = match self {
            Self::Service if on_enum || on_variant || on_field => (
                "the event",
                "move it to `#[invalidation(..)]` in the event's enum".to_owned(),
            ),
            Self::Enum | Self::Variant(_) | Self::Field(_) if has(SERVICE, key) && !on_enum => (
                "the service",
                "move it to `#[cache_invalidation(..)]` on the struct".to_owned(),
            ),
            Self::Variant(name) | Self::Field(name) if on_enum => {
                ("the enum", format!("move it above `enum {name}`"))
            }
            Self::Enum if on_variant && on_field => (
                "a variant or a field",
                "move it above the variant or the field".to_owned(),
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

/// The names as a message lists them: `` `a`, `b` ``.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
