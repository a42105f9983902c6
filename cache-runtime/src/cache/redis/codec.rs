//! How values are written in Redis.

use std::error::Error;

use serde::Serialize;
use serde::de::DeserializeOwned;

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
    note = "implement `Codec<{V}>` for it; for the default, `Json`, `{V}` needs serde's `Serialize` and `DeserializeOwned`"
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Json;

impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    fn encode(&self, value: &V, out: &mut Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(serde_json::to_writer(out, value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Box<dyn Error + Send + Sync>> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
