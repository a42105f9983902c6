//! How values are written in Redis.

use std::error::Error;
use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::digest::digest;

/// Turns values into bytes and back; [`Json`] by default.
///
/// One version of a program may read what another has written. So a codec must fail on bytes that
/// it did not write, rather than return another value. A value that does not decode is loaded anew
/// and overwritten.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use cache_runtime::redis::Codec;
///
/// /// Text as it is.
/// struct Text;
///
/// impl Codec<String> for Text {
///     fn encode(
///         &self,
///         value: &String,
///         out: &mut Vec<u8>,
///     ) -> Result<(), Box<dyn Error + Send + Sync>> {
///         out.extend_from_slice(value.as_bytes());
///         Ok(())
///     }
///
///     fn decode(&self, bytes: &[u8]) -> Result<String, Box<dyn Error + Send + Sync>> {
///         Ok(std::str::from_utf8(bytes)?.to_owned())
///     }
/// }
/// # let mut out = Vec::new();
/// # Text.encode(&"text".to_owned(), &mut out).unwrap();
/// # assert_eq!(Text.decode(&out).unwrap(), "text");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a codec for `{V}`",
    note = "the default, `Json`, needs a value that serde can write and read: add `#[derive(serde::Serialize, serde::Deserialize)]` to your own types, and the feature `rc` to serde for `Arc` and `Rc`",
    note = "or implement `Codec<{V}>` for a type of your own, and give it to `.codec(..)`"
)]
pub trait Codec<V>: Send + Sync + 'static {
    /// Appends the value to `out`.
    ///
    /// # Errors
    ///
    /// When the value cannot be written; it is then not stored.
    fn encode(&self, value: &V, out: &mut Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>>;

    /// Reads a value from the bytes that [`encode`](Self::encode) has appended.
    ///
    /// # Errors
    ///
    /// When the bytes are not a value; the entry then counts as missing.
    fn decode(&self, bytes: &[u8]) -> Result<V, Box<dyn Error + Send + Sync>>;
}

/// Writes values as JSON, through serde.
///
/// What JSON cannot say is refused, and never changed to something else: each value is read back
/// before it is stored, and compared as serde sees it. So the codec refuses a number that is infinite
/// or no number, `Some(None)` and `Some(())`, which JSON writes as it writes `None`, nesting of 128
/// levels and more, and what the `Deserialize` of a type takes for something else. A value that is
/// refused is returned to its caller, and loaded anew by every read; `unencodable` of the cache's
/// stats counts them. Storing a value takes up to three times as long as without this check.
///
/// What `Serialize` does not write, such as a skipped field, is not compared. Nor is the order of what
/// is in a list or a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Json;

#[diagnostic::do_not_recommend]
impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    fn encode(&self, value: &V, out: &mut Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>> {
        // Before the value is written, because this limits the depth.
        let written = digest(value)?;
        let start = out.len();
        serde_json::to_writer(&mut *out, value)?;
        let changed = |how: &dyn Display| {
            let number = if written.non_finite {
                "; JSON has no infinite number, and none that is not a number"
            } else {
                ""
            };
            format!("{how}{number}")
        };
        let read: V = serde_json::from_slice(&out[start..]).map_err(|error| {
            changed(&format_args!(
                "what JSON writes cannot be read back: {error}"
            ))
        })?;
        if digest(&read)?.number != written.number {
            return Err(changed(&"what JSON reads back is another value").into());
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Box<dyn Error + Send + Sync>> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
