//! `#[invalidation(..)]` on the enum, its variants and their fields.

use proc_macro2::Ident;
use syn::{Attribute, Path};

use super::keys::Place;
use super::{Name, entries};
use crate::case::Case;
use crate::ctxt::Ctxt;

/// On the enum.
pub(crate) struct EnumAttrs {
    pub(crate) tag: Option<Name>,
    pub(crate) variants: Case,
    pub(crate) fields: Case,
    pub(crate) krate: Option<Path>,
}

impl EnumAttrs {
    pub(crate) fn parse(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let place = Place::Enum;
        let mut this = Self {
            tag: None,
            variants: Case::Camel,
            fields: Case::Camel,
            krate: None,
        };
        for entry in entries(cx, attrs, place) {
            match entry.key.to_string().as_str() {
                "tag" => this.tag = entry.string(cx, place),
                "rename_all" => this.variants = entry.case(cx, place).unwrap_or(Case::Camel),
                "rename_all_fields" => this.fields = entry.case(cx, place).unwrap_or(Case::Camel),
                _ => this.krate = entry.path(cx, place),
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
    pub(crate) fn parse(cx: &Ctxt, attrs: &[Attribute], name: &Ident) -> Self {
        let place = Place::Variant(name);
        let mut this = Self::default();
        for entry in entries(cx, attrs, place) {
            match entry.key.to_string().as_str() {
                "rename" => this.rename = entry.string(cx, place),
                "method" => this.method = entry.method(cx, place),
                _ => this.all = Some(entry.flag(cx)),
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
}

impl FieldAttrs {
    pub(crate) fn parse(cx: &Ctxt, attrs: &[Attribute], name: &Ident) -> Self {
        let place = Place::Field(name);
        let mut this = Self::default();
        for entry in entries(cx, attrs, place) {
            match entry.key.to_string().as_str() {
                "rename" => this.rename = entry.string(cx, place),
                _ => this.non_empty = Some(entry.flag(cx)),
            }
        }
        this
    }
}
