//! `#[invalidation(..)]` on the enum, its variants and their fields.

use proc_macro2::Ident;
use syn::{Attribute, Path};

use super::keys::{EnumKey, FieldKey, Place, VariantKey};
use super::{Name, entries};
use crate::case::Case;
use crate::ctxt::Ctxt;

/// On the enum.
pub(crate) struct EnumAttrs {
    pub(crate) tag: Option<Name>,
    pub(crate) variant_case: Case,
    pub(crate) field_case: Case,
    pub(crate) krate: Option<Path>,
}

impl EnumAttrs {
    pub(crate) fn parse(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let mut this = Self {
            tag: None,
            variant_case: Case::Camel,
            field_case: Case::Camel,
            krate: None,
        };
        for entry in entries(cx, attrs, &Place::ENUM) {
            match entry.known.key {
                EnumKey::Tag => this.tag = entry.string(cx),
                EnumKey::RenameAll => this.variant_case = entry.case(cx).unwrap_or(Case::Camel),
                EnumKey::RenameAllFields => this.field_case = entry.case(cx).unwrap_or(Case::Camel),
                EnumKey::Crate => this.krate = entry.path(cx),
            }
        }
        this
    }
}

/// On a variant.
#[derive(Default)]
pub(crate) struct VariantAttrs {
    pub(crate) rename: Option<Name>,
    pub(crate) all: Option<Ident>,
    pub(crate) method: Option<Ident>,
}

impl VariantAttrs {
    pub(crate) fn parse(cx: &Ctxt, attrs: &[Attribute], event: &Ident) -> Self {
        let mut this = Self::default();
        for entry in entries(cx, attrs, &Place::variant(event)) {
            match entry.known.key {
                VariantKey::Rename => this.rename = entry.string(cx),
                VariantKey::All => this.all = Some(entry.flag(cx)),
                VariantKey::Method => this.method = entry.method(cx),
            }
        }
        this
    }
}

/// On a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) rename: Option<Name>,
    pub(crate) non_empty: Option<Ident>,
    pub(crate) as_string: Option<Ident>,
}

impl FieldAttrs {
    pub(crate) fn parse(cx: &Ctxt, attrs: &[Attribute], event: &Ident) -> Self {
        let mut this = Self::default();
        for entry in entries(cx, attrs, &Place::field(event)) {
            match entry.known.key {
                FieldKey::Rename => this.rename = entry.string(cx),
                FieldKey::NonEmpty => this.non_empty = Some(entry.flag(cx)),
                FieldKey::AsString => this.as_string = Some(entry.flag(cx)),
            }
        }
        this
    }
}
