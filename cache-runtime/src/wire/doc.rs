//! Documentation of events.

/// A doc comment. Only an export keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doc(#[cfg(feature = "export")] &'static str);

impl Doc {
    pub(super) const NONE: Self = Self::new("");

    #[cfg_attr(
        not(feature = "export"),
        allow(unused_variables, reason = "there is nowhere to keep it")
    )]
    pub(super) const fn new(text: &'static str) -> Self {
        Self(
            #[cfg(feature = "export")]
            text,
        )
    }

    #[cfg(feature = "export")]
    pub(super) const fn text(self) -> &'static str {
        self.0
    }
}
