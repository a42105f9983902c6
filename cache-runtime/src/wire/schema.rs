//! The shape of an event enum: the derive writes it, and encoding and decoding go by it.

/// The shape of an event enum: its tag key and its variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSchema {
    name: &'static str,
    tag: &'static str,
    variants: &'static [VariantSchema],
    all: usize,
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
        }
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
        }
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
        }
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
