//! The audit of this process.

use super::channels::uses;
use super::enrolled::described;
use super::report::Audit;
use super::rows::assemble;

/// Every cache and every channel of this process, its state, and what looks wrong with it.
///
/// It asks no server. [`Bus::audit`](crate::Bus::audit) asks one, and so knows of other instances.
///
/// # Examples
///
/// ```standalone_crate
/// use std::time::Duration;
/// use cache_runtime::{TtlCache, audit};
///
/// # fn main() -> Result<(), cache_runtime::BuildError> {
/// let minute = Duration::from_secs(60);
/// let suggestions = TtlCache::<String, u32>::builder("autocomplete", minute).build()?;
/// suggestions.insert("ad".to_owned(), 1);
///
/// let audit = audit();
/// println!("{audit}");
/// let row = &audit.rows()[0];
/// assert_eq!((row.name.as_str(), row.entries), ("autocomplete", Some(1)));
/// assert_eq!(audit.flags().count(), 0);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn audit() -> Audit {
    assemble(described(), &uses(), &[])
}
