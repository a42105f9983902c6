//! The shape of an event enum: the derive writes it, and encoding and decoding go by it.

use super::doc::Doc;
use super::typed::Typed;

/// The shape of an event enum: its tag key and its variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSchema {
    name: &'static str,
    tag: &'static str,
    variants: &'static [VariantSchema],
    all: usize,
    doc: Doc,
}

impl EventSchema {
    /// `all` is the index of the variant that flushes.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        name: &'static str,
        tag: &'static str,
        variants: &'static [VariantSchema],
        all: usize,
    ) -> Self {
        Self {
            name,
            tag,
            variants,
            all,
            doc: Doc::NONE,
        }
    }

    /// Adds the documentation of the enum. Only an export needs it.
    #[doc(hidden)]
    #[must_use]
    pub const fn documented(self, doc: &'static str) -> Self {
        let doc = Doc::new(doc);
        Self { doc, ..self }
    }

    #[cfg(feature = "export")]
    pub(crate) const fn doc(&self) -> &'static str {
        self.doc.text()
    }

    /// The enum's name in Rust.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The key that holds a variant's wire name: `type` unless the enum says otherwise.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        self.tag
    }

    /// The variants, in the order of the enum.
    #[must_use]
    pub const fn variants(&self) -> &'static [VariantSchema] {
        self.variants
    }

    /// The variant that flushes: everything is stale.
    #[must_use]
    pub const fn all(&self) -> &'static VariantSchema {
        &self.variants[self.all]
    }
}

/// The shape of one event: its wire name and its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VariantSchema {
    name: &'static str,
    wire: &'static str,
    head: &'static str,
    fields: &'static [FieldSchema],
    doc: Doc,
}

impl VariantSchema {
    /// `head` is the canonical payload up to the first field: `{"type":"channel"`.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        name: &'static str,
        wire: &'static str,
        head: &'static str,
        fields: &'static [FieldSchema],
    ) -> Self {
        Self {
            name,
            wire,
            head,
            fields,
            doc: Doc::NONE,
        }
    }

    /// Adds the documentation of the variant. Only an export needs it.
    #[doc(hidden)]
    #[must_use]
    pub const fn documented(self, doc: &'static str) -> Self {
        let doc = Doc::new(doc);
        Self { doc, ..self }
    }

    #[cfg(feature = "export")]
    pub(crate) const fn doc(&self) -> &'static str {
        self.doc.text()
    }

    /// The variant's name in Rust.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The value of the tag on the wire.
    #[must_use]
    pub const fn wire(&self) -> &'static str {
        self.wire
    }

    /// The fields, in the order of the variant.
    #[must_use]
    pub const fn fields(&self) -> &'static [FieldSchema] {
        self.fields
    }

    pub(super) const fn head(&self) -> &'static str {
        self.head
    }
}

/// The shape of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSchema {
    name: &'static str,
    wire: &'static str,
    lead: &'static str,
    type_name: &'static str,
    non_empty: bool,
    doc: Doc,
    #[cfg(feature = "export")]
    typed: Option<Typed>,
}

impl FieldSchema {
    /// `lead` is what stands before the value in the canonical payload: `,"channelId":`.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        name: &'static str,
        wire: &'static str,
        lead: &'static str,
        type_name: &'static str,
        non_empty: bool,
    ) -> Self {
        Self {
            name,
            wire,
            lead,
            type_name,
            non_empty,
            doc: Doc::NONE,
            #[cfg(feature = "export")]
            typed: None,
        }
    }

    /// Adds the documentation of the field. Only an export needs it.
    #[doc(hidden)]
    #[must_use]
    pub const fn documented(self, doc: &'static str) -> Self {
        let doc = Doc::new(doc);
        Self { doc, ..self }
    }

    /// Adds the type of the field. Only an export needs it.
    #[doc(hidden)]
    #[must_use]
    pub const fn typed(self, typed: Typed) -> Self {
        #[cfg(feature = "export")]
        let typed = Self {
            typed: Some(typed),
            ..self
        };
        #[cfg(not(feature = "export"))]
        let (typed, _) = (self, typed);
        typed
    }

    #[cfg(feature = "export")]
    pub(crate) const fn type_behind(&self) -> Option<&Typed> {
        self.typed.as_ref()
    }

    #[cfg(feature = "export")]
    pub(crate) const fn doc(&self) -> &'static str {
        self.doc.text()
    }

    /// The field's name in Rust.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The key on the wire.
    #[must_use]
    pub const fn wire(&self) -> &'static str {
        self.wire
    }

    /// The field's type, as written in the enum.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Whether an empty string or list is rejected.
    #[must_use]
    pub const fn non_empty(&self) -> bool {
        self.non_empty
    }

    pub(super) const fn lead(&self) -> &'static str {
        self.lead
    }
}
