//! What the channels of instances carry, as fingerprints.

use std::collections::BTreeMap;
use std::sync::LazyLock;

#[cfg(feature = "export")]
use crate::channel::channels;

/// The fingerprints of the events of channels. Their names are without the namespace.
pub(crate) type Schemas = BTreeMap<String, String>;

/// Those of this program, but for events that cannot be described. Without the feature `export`, none is
/// known.
pub(crate) fn schemas() -> &'static Schemas {
    static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
        #[cfg(feature = "export")]
        let known = channels().into_iter().filter_map(|declared| {
            let fingerprint = declared.schema().fingerprint().ok()?;
            Some((declared.channel().to_owned(), fingerprint))
        });
        #[cfg(not(feature = "export"))]
        let known = [];
        known.into_iter().collect()
    });
    &SCHEMAS
}
